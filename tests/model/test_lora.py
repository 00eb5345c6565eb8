"""LoRA files added into a backbone's weights, whatever their trainers call the layers, and files that do not fit."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest
import torch
from loras import LAYERS, RANK, i2v_lora, in_form, normal, pairs, written
from networks import WAN, forward, networks
from safetensors.torch import load_file

from skyreels_core.model.backbone import WanModel
from skyreels_core.model.checkpoint import load_model, save_model
from skyreels_core.model.fp8 import Fp8Linear, quantise
from skyreels_core.model.lora import read_loras
from skyreels_core.weights.header import read_header
from skyreels_core.weights.lora import Lora

ALPHA = 12.0
IN_DIFFUSERS = (
    "blocks.0.attn1.to_q", "blocks.1.attn1.to_out.0", "blocks.2.attn2.to_v", "blocks.2.ffn.net.0.proj",
    "blocks.0.ffn.net.2", "condition_embedder.time_embedder.linear_2", "condition_embedder.text_embedder.linear_1",
    "condition_embedder.time_proj", "proj_out", "patch_embedding",
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "model.safetensors"
    save_model(path, *networks(), {}, torch.float32)
    return path


def added(made, factor):
    """The network with the products added to its weights in so many words."""
    model, adapter = networks()
    for layer, (up, down) in made.items():
        weight = model.get_submodule(layer).weight
        weight += factor * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    return forward(model, adapter)


def loaded(base, *loras, **options):
    return forward(*load_model(base, loras=loras, **options)[:2])


def close(given, expected):
    return (given - expected).abs().max() <= 1e-6 * max(1.0, float(expected.abs().max()))


# How a layer, its halves and its alpha are called.
FORMS = {
    "peft with ComfyUI's prefix": ("diffusion_model.{}", "lora_B.weight", "lora_A.weight"),
    "down and up with ComfyUI's prefix": ("diffusion_model.{}", "lora_up.weight", "lora_down.weight"),
    "no prefix": ("{}", "lora_B.weight", "lora_A.weight"),
    "transformer": ("transformer.{}", "lora_B.weight", "lora_A.weight"),
    "peft's default adapter": ("{}", "lora_B.default.weight", "lora_A.default.weight"),
    "a named adapter": ("base_model.model.{}", "lora_B.style-1.weight", "lora_A.style-1.weight"),
    "a whole checkpoint's prefix": ("model.diffusion_model.{}", "lora_B.weight", "lora_A.weight"),
    "DiffSynth": ("pipe.dit.{}", "lora_B.default.weight", "lora_A.default.weight"),
    "parameters": ("transformer.{}", "lora_B", "lora_A"),
    "diffusers' older": ("transformer.{}", "lora.up.weight", "lora.down.weight"),
}


@pytest.mark.parametrize("alpha", [None, ALPHA])
@pytest.mark.parametrize(("layer", "up", "down"), FORMS.values(), ids=FORMS.keys())
def test_merged_weights_are_those_with_the_product_added(base, tmp_path, layer, up, down, alpha):
    made = pairs()
    tensors = {}
    for name, (over, under) in made.items():
        tensors |= {f"{layer.format(name)}.{up}": over, f"{layer.format(name)}.{down}": under}
        if alpha is not None:
            tensors[f"{layer.format(name)}.alpha"] = torch.tensor(alpha)
    path = written(tmp_path / "lora.safetensors", tensors)
    factor = 0.7 * (1 if alpha is None else alpha / RANK)
    expected = added(made, factor)
    assert close(loaded(base, Lora(path, 0.7)), expected)
    assert not close(loaded(base), expected)


@pytest.mark.parametrize("prefix", ["lora_unet_", "lora_unet__", "lycoris_", "lora_transformer_"])
def test_kohyas_names_with_underscores_are_read(base, tmp_path, prefix):
    made = pairs()
    tensors = {}
    for name, (up, down) in made.items():
        key = prefix + name.replace(".", "_")
        tensors |= {
            f"{key}.lora_up.weight": up,
            f"{key}.lora_down.weight": down,
            f"{key}.alpha": torch.tensor([ALPHA]),
        }
    path = written(tmp_path / "lora.safetensors", tensors)
    assert close(loaded(base, Lora(path)), added(made, ALPHA / RANK))


@pytest.mark.parametrize("prefix", ["transformer.{}", "{}", "diffusion_model.{}", "lora_unet_{}"])
def test_the_layer_names_of_diffusers_are_read(base, tmp_path, prefix):
    made = pairs()
    tensors = {}
    for theirs, (up, down) in zip(IN_DIFFUSERS, made.values(), strict=True):
        key = prefix.format(theirs.replace(".", "_") if "unet" in prefix else theirs)
        tensors |= {f"{key}.lora_B.weight": up, f"{key}.lora_A.weight": down}
    path = written(tmp_path / "lora.safetensors", tensors)
    assert close(loaded(base, Lora(path)), added(made, 1))


def test_halves_in_half_precision_are_multiplied_in_float32(base, tmp_path):
    made = {name: (up.bfloat16(), down.half()) for name, (up, down) in pairs().items()}
    path = written(tmp_path / "lora.safetensors", in_form(made))
    assert close(
        loaded(base, Lora(path)), added({n: (u.float(), d.float()) for n, (u, d) in made.items()}, 1)
    )


def test_whole_differences_change_weights_biases_norms_and_modulations(base, tmp_path):
    changed = {
        "blocks.0.norm3.diff": "blocks.0.norm3.weight",
        "blocks.0.norm3.diff_b": "blocks.0.norm3.bias",
        "blocks.1.self_attn.norm_k.diff": "blocks.1.self_attn.norm_k.weight",
        "blocks.1.self_attn.q.diff_b": "blocks.1.self_attn.q.bias",
        "blocks.2.ffn.0.diff": "blocks.2.ffn.0.weight",
        "blocks.2.diff_m": "blocks.2.modulation",
        "blocks.1.modulation.diff": "blocks.1.modulation",
        "head.diff_m": "head.modulation",
        "head.head.diff": "head.head.weight",
        "patch_embedding.diff_b": "patch_embedding.bias",
        "blocks.0.cross_attn.norm_q.w_norm": "blocks.0.cross_attn.norm_q.weight",
    }
    model, adapter = networks()
    weights, tensors = model.state_dict(), {}
    for number, (key, weight) in enumerate(changed.items()):
        tensors[f"diffusion_model.{key}"] = 0.1 * normal(*weights[weight].shape, seed=number)
        weights[weight] += 0.5 * tensors[f"diffusion_model.{key}"]
    path = written(tmp_path / "lora.safetensors", tensors)
    assert close(loaded(base, Lora(path, 0.5)), forward(model, adapter))


def test_a_difference_and_a_pair_of_one_layer_are_both_added(base, tmp_path):
    made = {"blocks.0.self_attn.q": pairs()["blocks.0.self_attn.q"]}
    diff = 0.1 * normal(WAN.dim, WAN.dim)
    tensors = in_form(made) | {"diffusion_model.blocks.0.self_attn.q.diff": diff}
    path = written(tmp_path / "lora.safetensors", tensors)
    (up, down) = made["blocks.0.self_attn.q"]
    whole = {"blocks.0.self_attn.q": (torch.cat([up, diff], 1), torch.cat([down, torch.eye(WAN.dim)]))}
    assert close(loaded(base, Lora(path)), added(whole, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fp8", [False, True])
def test_a_strength_of_0_changes_no_bit(base, tmp_path, dtype, fp8):
    path = written(tmp_path / "lora.safetensors", in_form(pairs()))
    plain, zero = (
        load_model(base, dtype=dtype, fp8=fp8, loras=loras)[0] for loras in ((), [Lora(path, 0.0)])
    )
    weights = plain.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in zero.state_dict().items())


def test_several_loras_add_up_in_any_order_and_one_takes_another_away(base, tmp_path):
    first, second = (written(tmp_path / f"{n}.safetensors", in_form(pairs(n))) for n in (1, 2))
    both = {n: (torch.cat([u, v], 1), torch.cat([d, e])) for (n, (u, d)), (v, e) in zip(
        pairs(1).items(), pairs(2).values(), strict=True)}  # fmt: skip
    expected = added(both, 1)
    assert close(loaded(base, Lora(first), Lora(second)), expected)
    assert close(loaded(base, Lora(second), Lora(first)), expected)
    assert (loaded(base, Lora(first), Lora(first, -1)) - loaded(base)).abs().max() <= 1e-5


def test_weights_in_fp8_are_multiplied_out_changed_and_quantised_again(base, tmp_path):
    made = pairs()
    path = written(tmp_path / "lora.safetensors", in_form(made))
    model, _, _ = load_model(base, fp8=True, loras=[Lora(path, 2.0)])
    plain = networks()[0].state_dict()
    for layer, (up, down) in made.items():
        found, weight = model.get_submodule(layer), plain[f"{layer}.weight"]
        expected = weight + 2 * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        if layer.startswith("blocks."):
            assert isinstance(found, Fp8Linear)
            stored, scale = quantise(expected)
            assert (found.weight.float() * found.scale - stored.float() * scale).abs().max() <= 1e-6
        else:
            assert (found.weight - expected).abs().max() <= 1e-6


def test_a_file_in_fp8_with_scales_stays_in_fp8(tmp_path):
    model, adapter = networks()
    packed = model.state_dict() | adapter.state_dict()
    layer = "blocks.0.self_attn.q"
    meant = (packed[f"{layer}.weight"] / 0.37).to(torch.float8_e4m3fn)
    packed |= {f"{layer}.weight": meant, f"{layer}.scale_weight": torch.tensor(0.37)}
    stated = {"transformer": {"num_heads": 4, "text_dim": 48}, "skyreels_audio": {"num_heads": 4}}
    base = written(tmp_path / "fp8.safetensors", packed, config=json.dumps(stated))
    path = written(tmp_path / "lora.safetensors", in_form({layer: pairs()[layer]}))
    up, down = pairs()[layer]
    found = load_model(base, fp8=None, loras=[Lora(path)])[0].get_submodule(layer)
    stored, scale = quantise(meant.float() * 0.37 + up @ down)
    assert isinstance(found, Fp8Linear)
    assert (found.weight.float() * found.scale - stored.float() * scale).abs().max() <= 1e-6


def test_a_lora_may_change_one_layer_alone_and_the_audio_layers_never(base, tmp_path):
    layer = "blocks.1.self_attn.o"
    path = written(tmp_path / "lora.safetensors", in_form({layer: pairs()[layer]}))
    (model, adapter, _), (plain, voice, _) = load_model(base, loras=[Lora(path)]), load_model(base)
    differing = [n for n, w in model.state_dict().items() if not torch.equal(w, plain.state_dict()[n])]
    assert differing == [f"{layer}.weight"]
    assert all(torch.equal(w, voice.state_dict()[n]) for n, w in adapter.state_dict().items())


def test_what_only_backbones_with_another_picture_input_have_is_left_out_with_one_line(
    base, tmp_path, caplog
):
    layer = "blocks.0.self_attn.q"
    made = {layer: pairs()[layer]}
    other_channels = {"patch_embedding": (normal(WAN.dim, RANK, 1, 1, 1), normal(RANK, 16, 1, 2, 2))}
    path = written(tmp_path / "lora.safetensors", in_form(made | other_channels) | i2v_lora())
    with caplog.at_level(logging.WARNING):
        given = loaded(base, Lora(path))
    assert close(given, added(made, 1))
    (line,) = [record.getMessage() for record in caplog.records]
    assert re.match(r"9 tensors of .*lora.safetensors are for another picture input .* are left out", line)


def test_an_i2v_backbone_takes_all_of_an_i2v_lora(tmp_path, caplog):
    torch.manual_seed(0)
    model = WanModel(replace(WAN, model_type="i2v"))
    save_model(tmp_path / "i2v.safetensors", model, None, {}, torch.float32)
    path = written(tmp_path / "lora.safetensors", i2v_lora())
    merged = load_model(tmp_path / "i2v.safetensors", loras=[Lora(path)])[0]
    moved = merged.blocks[0].cross_attn.k_img.weight - model.blocks[0].cross_attn.k_img.weight
    assert moved.norm() > 1 and not caplog.records


def test_headers_alone_tell_whether_it_fits(base, tmp_path):
    path = written(tmp_path / "lora.safetensors", in_form(pairs()))
    (found,) = read_loras([Lora(path)], WAN, base)
    assert len(found.changes) == len(LAYERS) and found.left_out == []
    assert load_file(path).keys() == read_header(path, "").shapes.keys()
