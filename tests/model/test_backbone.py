import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

from skyreels_core.model.backbone import WanModel, collapse_padding
from skyreels_core.model.config import CONFIGS

LAYOUT = Path(__file__).parents[1] / "data" / "wan_i2v_14b_layout.json"
SMALL = replace(CONFIGS["demo"], dim=96, ffn_dim=160, freq_dim=64, text_dim=48, num_layers=3)
SMALL_T2V = replace(SMALL, in_dim=16)
SMALL_I2V = replace(SMALL, model_type="i2v")


def random_model(config):
    """Every weight random, norms and modulation too, so that none can be left out unnoticed."""
    model = WanModel(config)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        std = 0.3 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        torch.nn.init.normal_(parameter, std=std, generator=generator)
    return model.requires_grad_(False)


def random_inputs(config, seed=1):
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(2, 512, config.text_dim, generator=generator)
    context[0, 5:], context[1, 9:] = 0, 0
    return {
        "x": torch.randn(2, config.in_dim, 3, 6, 8, generator=generator),
        "timestep": torch.tensor([13.0, 871.5]),
        "context": context,
        "clip_fea": torch.randn(2, 257, 1280, generator=generator) if config.model_type == "i2v" else None,
    }


def diffusers_twin(model):
    config = model.config
    image = {"image_dim": 1280, "added_kv_proj_dim": config.dim} if config.model_type == "i2v" else {}
    twin = WanTransformer3DModel(
        num_attention_heads=config.num_heads,
        attention_head_dim=config.head_dim,
        in_channels=config.in_dim,
        out_channels=config.out_dim,
        text_dim=config.text_dim,
        freq_dim=config.freq_dim,
        ffn_dim=config.ffn_dim,
        num_layers=config.num_layers,
        **image,
    )
    twin.load_state_dict(convert_wan_transformer_to_diffusers(model.state_dict()))
    return twin


@torch.no_grad()
@pytest.mark.parametrize("config", [SMALL_T2V, SMALL_I2V], ids=["t2v", "i2v"])
def test_the_backbone_equals_diffusers(config):
    model, inputs = random_model(config), random_inputs(config)
    out = model(**inputs)
    expected = diffusers_twin(model)(
        hidden_states=inputs["x"],
        timestep=inputs["timestep"],
        encoder_hidden_states=inputs["context"],
        encoder_hidden_states_image=inputs["clip_fea"],
        return_dict=False,
    )[0]
    assert (out - expected).abs().max() <= 1e-4 * expected.std()


def test_the_published_i2v_14b_has_exactly_wans_names_and_shapes():
    layout = json.loads(LAYOUT.read_text())
    blocks = range(layout["num_layers"])
    expected = {f"blocks.{n}.{name}": shape for n in blocks for name, shape in layout["block"].items()}
    with torch.device("meta"):
        model = WanModel(CONFIGS["i2v-14b"])
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == expected | layout["rest"]
    assert len(shapes) == 1303


@pytest.mark.parametrize("config", [SMALL_T2V, SMALL_I2V], ids=["t2v", "i2v"])
def test_one_row_stands_for_all_zero_rows_of_the_text(config):
    model, inputs = random_model(config), random_inputs(config)
    context, padding = collapse_padding(inputs["context"])
    assert (context.shape[1], padding) == (9, 503)
    collapsed = model(**inputs | {"context": context}, context_padding=padding)
    full = model(**inputs)
    assert (collapsed - full).abs().max() <= 1e-5 * full.std()


def test_an_empty_text_is_all_padding():
    model, inputs = random_model(SMALL), random_inputs(SMALL)
    empty = torch.zeros_like(inputs["context"])
    context, padding = collapse_padding(empty)
    assert (context.shape[1], padding) == (0, 512)
    collapsed = model(**inputs | {"context": context}, context_padding=padding)
    full = model(**inputs | {"context": empty})
    assert (collapsed - full).abs().max() <= 1e-5 * full.std()


def test_bf16_weights_keep_the_padding_exact_and_the_output_close():
    model, inputs = random_model(SMALL), random_inputs(SMALL)
    expected = model(**inputs)
    model.to(torch.bfloat16)
    full = model(**inputs)
    context, padding = collapse_padding(inputs["context"])
    assert full.dtype == torch.float32
    assert torch.equal(model(**inputs | {"context": context}, context_padding=padding), full)
    # bf16 keeps 8 bits: single roundings of 0.4 %, added up over three blocks
    assert (full - expected).abs().mean() <= 0.03 * expected.std()


def test_audio_layers_sit_between_cross_attention_and_feed_forward():
    model, inputs = random_model(SMALL), random_inputs(SMALL)
    calls = []
    for block in model.blocks:
        block.cross_attn.register_forward_hook(lambda *_: calls.append("cross"))
        block.ffn.register_forward_hook(lambda *_: calls.append("feed-forward"))

    def audio_layers(index, x):
        calls.append((index, tuple(x.shape)))
        return x

    out = model(**inputs, audio_layers=audio_layers)
    tokens = (2, 3 * 3 * 4, SMALL.dim)
    assert calls == [call for n in range(3) for call in ("cross", (n, tokens), "feed-forward")]
    assert torch.equal(out, model(**inputs))
    assert not torch.equal(out, model(**inputs, audio_layers=lambda index, x: 2 * x))


def test_time_embeddings_are_those_that_the_blocks_see():
    model, inputs = random_model(SMALL), random_inputs(SMALL)
    seen = {}
    model.blocks[0].register_forward_hook(lambda block, args, out: seen.update(e0=args[1]))
    model.head.register_forward_hook(lambda head, args, out: seen.update(e=args[1]))
    model(**inputs)
    e, e0 = model.time_embeddings(inputs["timestep"])
    assert (e.shape, e0.shape) == ((2, SMALL.dim), (2, 6, SMALL.dim))
    assert torch.equal(seen["e"], e)
    assert torch.equal(seen["e0"], e0)


def test_a_new_model_predicts_zero_and_depends_on_its_generator_alone():
    first, second = WanModel(SMALL_I2V), WanModel(SMALL_I2V)
    for model in (first, second):
        model.init_weights(torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert first(**random_inputs(SMALL_I2V)).count_nonzero() == 0


@pytest.mark.parametrize("config", [SMALL_T2V, SMALL_I2V], ids=["t2v", "i2v"])
def test_every_weight_learns(config):
    model, inputs = random_model(config).requires_grad_(True), random_inputs(config)
    model(**inputs).square().mean().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.count_nonzero()] == []


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for checkpointing in (False, True):
        model = random_model(SMALL).requires_grad_(True)
        model.gradient_checkpointing = checkpointing
        model(**random_inputs(SMALL), audio_layers=lambda index, x: x + index).square().mean().backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
