import json
import logging
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from skyreels_core.errors import InputError
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.checkpoint import (
    describe,
    load_model,
    read_header,
    save_model,
    split,
    widen_patch_embedding,
)
from skyreels_core.model.config import CONFIGS, AudioConfig

LAYOUT = Path(__file__).parents[1] / "data" / "wan_i2v_14b_layout.json"
WAN = replace(CONFIGS["demo"], dim=48, ffn_dim=64, freq_dim=32, text_dim=24, num_layers=2)
WAN_T2V = replace(WAN, in_dim=16)
WAN_I2V = replace(WAN, model_type="i2v")
AUDIO = AudioConfig(width=20, dim=48, num_heads=4, num_layers=2, eps=1e-6, rope=True)
SAMPLING = {"steps": 30, "shift": 1.5, "window": 9}


def wan_model(config=WAN):
    model = WanModel(config).requires_grad_(False)
    model.init_weights(torch.Generator().manual_seed(0))
    torch.nn.init.normal_(model.head.head.weight, generator=torch.Generator().manual_seed(1))
    return model


def audio_adapter(config=AUDIO):
    adapter = AudioAdapter(config).requires_grad_(False)
    adapter.init_weights(torch.Generator().manual_seed(2))
    for block in adapter.blocks:
        torch.nn.init.normal_(block.audio_attn.o.weight, generator=torch.Generator().manual_seed(3))
    return adapter


@torch.no_grad()
def run(model, adapter=None):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, model.config.in_dim, 2, 4, 4, generator=generator)
    context = torch.randn(1, 5, model.config.text_dim, generator=generator)
    audio_layers = None
    if adapter is not None:
        tokens = torch.randn(1, 6, adapter.config.width, generator=generator)
        voice = adapter.prepare(tokens, torch.arange(6) - 0.5, torch.tensor([1.0, 6.0]))
        audio_layers = partial(adapter.apply, context=voice)
    return model(x, torch.tensor([500.0]), context, audio_layers=audio_layers)


def same_weights(first, second):
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def written(path, tensors, metadata=None):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return path


def stated(config):
    return {"config": json.dumps({"transformer": {"num_heads": config.num_heads}})}


@pytest.mark.parametrize("config", [WAN, WAN_T2V, WAN_I2V], ids=["36 channels", "t2v", "i2v"])
def test_a_merged_file_comes_back_as_it_was(tmp_path, config):
    path = tmp_path / "merged.safetensors"
    model, adapter = wan_model(config), audio_adapter()
    save_model(path, model, adapter, {"sampling": SAMPLING}, torch.float32)
    loaded, voice, metadata = load_model(path)
    assert (loaded.config, voice.config) == (config, AUDIO)
    assert metadata["sampling"] == SAMPLING
    assert same_weights(loaded, model)
    assert same_weights(voice, adapter)
    assert describe(path).kind == "skyreels-audio"
    assert list(tmp_path.iterdir()) == [path]


def test_audio_layers_alone_come_back_beside_their_backbone(tmp_path):
    model, adapter = wan_model(), audio_adapter(replace(AUDIO, rope=False))
    save_model(tmp_path / "wan.safetensors", model, None, {}, torch.float32)
    save_model(tmp_path / "voice.safetensors", None, adapter, {"sampling": SAMPLING}, torch.float32)
    loaded, voice, metadata = load_model(tmp_path / "wan.safetensors", tmp_path / "voice.safetensors")
    assert voice.config == adapter.config
    assert metadata["sampling"] == SAMPLING
    assert same_weights(loaded, model)
    assert same_weights(voice, adapter)
    assert load_model(tmp_path / "wan.safetensors")[1] is None


def test_the_audio_layers_of_another_file_replace_those_of_a_merged_one(tmp_path):
    model, adapter, other = wan_model(), audio_adapter(), audio_adapter(replace(AUDIO, width=28))
    save_model(tmp_path / "merged.safetensors", model, adapter, {}, torch.float32)
    save_model(tmp_path / "voice.safetensors", None, other, {}, torch.float32)
    assert load_model(tmp_path / "merged.safetensors")[1].config.width == 20
    assert load_model(tmp_path / "merged.safetensors", tmp_path / "voice.safetensors")[1].config.width == 28


def test_stripping_the_audio_layers_leaves_a_plain_wan_file(tmp_path):
    save_model(tmp_path / "merged.safetensors", wan_model(), audio_adapter(), {}, torch.float32)
    wan, audio = split(load_file(tmp_path / "merged.safetensors"))
    assert wan.keys() == wan_model().state_dict().keys()
    assert audio.keys() == audio_adapter().state_dict().keys()
    path = written(tmp_path / "wan.safetensors", wan, stated(WAN))
    assert same_weights(load_model(path)[0], wan_model())


def test_half_precision_files_load_as_float32_unless_a_dtype_is_given(tmp_path):
    path = tmp_path / "merged.safetensors"
    save_model(path, wan_model(), audio_adapter(), {}, torch.float16)
    assert describe(path).dtype == "float16"
    model, adapter, _ = load_model(path)
    assert same_weights(model, wan_model().half().float())
    assert same_weights(adapter, audio_adapter().half().float())
    model, adapter, _ = load_model(path, dtype=torch.float16)
    assert same_weights(model, wan_model().half())
    assert same_weights(adapter, audio_adapter().half())


def test_the_metadata_has_the_form_that_comfyui_reads(tmp_path):
    path, loaded = tmp_path / "file.safetensors", {"sampling": SAMPLING, "transformer": {"num_heads": 99}}
    save_model(path, wan_model(), None, loaded, torch.float32)
    transformer = {"num_heads": 4, "text_dim": 24}
    assert read_header(path).config == {"sampling": SAMPLING, "transformer": transformer}
    save_model(path, None, audio_adapter(), loaded, torch.float32)
    assert read_header(path).config == {"sampling": SAMPLING, "skyreels_audio": asdict(AUDIO)}


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", "diffusion_model."])
def test_prefixed_names_are_accepted(tmp_path, prefix):
    tensors = {prefix + name: tensor for name, tensor in wan_model().state_dict().items()}
    tensors["first_stage_model.decoder.head.0.gamma"] = torch.zeros(4)
    path = written(tmp_path / "all_in_one.safetensors", tensors, stated(WAN))
    assert same_weights(load_model(path)[0], wan_model())


def test_published_files_have_heads_of_128(tmp_path):
    config = replace(WAN, dim=256, num_heads=2)
    path = written(tmp_path / "wan.safetensors", wan_model(config).state_dict())
    assert load_model(path)[0].config == config


def test_a_widened_text_to_video_backbone_gives_what_it_gave():
    narrow, wide = wan_model(WAN_T2V), wan_model(WAN_T2V)
    widen_patch_embedding(wide)
    assert wide.config == WAN
    assert wide.patch_embedding.weight.shape == (48, 36, 1, 2, 2)
    x, context = torch.randn(1, 36, 2, 4, 4), torch.randn(1, 5, 24)
    # The convolution sums 144 products in place of 64, in another order.
    expected = narrow(x[:, :16], torch.tensor([500.0]), context)
    assert torch.allclose(wide(x, torch.tensor([500.0]), context), expected, atol=1e-5)


def test_audio_layers_on_a_backbone_without_picture_are_allowed_and_logged(tmp_path, caplog):
    save_model(tmp_path / "wan.safetensors", wan_model(WAN_T2V), None, {}, torch.float32)
    save_model(tmp_path / "voice.safetensors", None, audio_adapter(), {}, torch.float32)
    with caplog.at_level(logging.WARNING):
        model, adapter, _ = load_model(tmp_path / "wan.safetensors", tmp_path / "voice.safetensors")
    assert "conditioned on prompt and voice alone" in caplog.text
    assert run(model, adapter).isfinite().all()


def test_a_text_to_video_backbone_is_refused_where_a_picture_is_needed(tmp_path):
    save_model(tmp_path / "wan.safetensors", wan_model(WAN_T2V), None, {}, torch.float32)
    with pytest.raises(InputError, match=r"text-to-video backbone with 16 input channels.*image-to-video"):
        load_model(tmp_path / "wan.safetensors", needs_picture=True)
    save_model(tmp_path / "wan.safetensors", wan_model(WAN_I2V), None, {}, torch.float32)
    assert load_model(tmp_path / "wan.safetensors", needs_picture=True)[0].config == WAN_I2V


def test_audio_layers_of_another_backbone_are_refused(tmp_path):
    save_model(tmp_path / "wan.safetensors", wan_model(), None, {}, torch.float32)
    save_model(tmp_path / "voice.safetensors", None, audio_adapter(replace(AUDIO, dim=64)), {}, torch.float32)
    with pytest.raises(InputError, match=r"width 64 with 2 blocks; .* width 48 and 2 blocks"):
        load_model(tmp_path / "wan.safetensors", tmp_path / "voice.safetensors")
