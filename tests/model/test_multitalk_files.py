import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import CONFIGS
from skyreels_core.model.detection import describe, expected_shapes, find_kind, wan_config
from skyreels_core.model.multitalk import (
    MultiTalkConfig,
    MultiTalkFile,
    check_whole,
    is_audio_name,
    multitalk_config,
    read_multitalk,
    split_names,
)
from skyreels_core.weights import header as headers
from skyreels_core.weights.header import Header

DATA = Path(__file__).parents[1] / "data"
AUDIO = MultiTalkConfig(
    dim=128, num_layers=2, num_heads=1, features=24, intermediate_dim=8, context_tokens=3, token_dim=16
)
WAN = replace(CONFIGS["i2v-14b"], dim=128, ffn_dim=64, freq_dim=32, text_dim=24, num_heads=1, num_layers=2)


def published(name):
    layout = json.loads((DATA / name).read_text())
    blocks = range(layout["num_layers"])
    shapes = {f"blocks.{n}.{name}": shape for n in blocks for name, shape in layout["block"].items()}
    return {name: tuple(shape) for name, shape in (shapes | layout["rest"]).items()}


def zeros(shapes):
    return {name: torch.zeros(shape, dtype=torch.bfloat16) for name, shape in shapes.items()}


def v3_tensors():
    return zeros(expected_shapes(WAN, None) | AUDIO.shapes())


def write(path, tensors):
    save_file(tensors, path)
    return path


def test_every_weight_of_the_published_19b_file_is_consumed():
    wan, audio = published("wan_i2v_14b_layout.json"), published("skyreels_v3_a2v_audio_layout.json")
    header = Header(Path("a2v.safetensors"), wan | audio, dict.fromkeys(wan | audio, "BF16"), "", {})
    file = MultiTalkFile((header,), multitalk_config(header), wan_config(header))
    check_whole(header, file)
    assert find_kind(header.shapes) == "skyreels-v3-a2v"
    assert file.audio == MultiTalkConfig(5120, 40, 40, 12 * 768, 512, 32, 768)
    assert file.backbone == CONFIGS["i2v-14b"]
    assert file.audio.shapes() == audio
    names = split_names(header.shapes)
    assert [set(side) for side in names] == [set(wan), set(audio)]
    assert [len(side) for side in names] == [1303, 330]


def test_a_file_tells_its_sizes(tmp_path):
    file = read_multitalk(write(tmp_path / "v3.safetensors", v3_tensors()), "skyreels-v3-a2v")
    assert (file.audio, file.backbone) == (AUDIO, WAN)


def write_parts(folder):
    tensors = list(v3_tensors().items())
    for number in range(3):
        write(folder / f"v3-{number + 1:05}-of-00003.safetensors", dict(tensors[number::3]))


def test_the_header_of_each_part_is_read_once(tmp_path, monkeypatch):
    write_parts(tmp_path)
    names, read = [], headers._read_entries
    monkeypatch.setattr(headers, "_read_entries", lambda path: names.append(path.name) or read(path))
    assert describe(tmp_path / "v3-00002-of-00003.safetensors").problems == ()
    assert sorted(names) == [f"v3-{number:05}-of-00003.safetensors" for number in (1, 2, 3)]


def test_the_parts_of_a_file_are_read_as_one(tmp_path):
    write_parts(tmp_path)
    file = read_multitalk(tmp_path / "v3-00002-of-00003.safetensors", "skyreels-v3-a2v")
    assert [part.path.name[:8] for part in file.parts] == ["v3-00001", "v3-00002", "v3-00003"]
    assert (file.audio, file.backbone) == (AUDIO, WAN)
    (tmp_path / "v3-00003-of-00003.safetensors").unlink()
    with pytest.raises(InputError, match="one of 3 parts, and v3-00003-of-00003"):
        read_multitalk(tmp_path / "v3-00002-of-00003.safetensors", "skyreels-v3-a2v")


def test_scales_of_a_quantised_file_are_known(tmp_path):
    tensors = v3_tensors()
    for name in ("blocks.0.self_attn.q", "blocks.1.audio_cross_attn.proj"):
        tensors[f"{name}.weight"] = tensors[f"{name}.weight"].to(torch.float8_e4m3fn)
        tensors[f"{name}.scale_weight"] = torch.ones(())
    tensors["scaled_fp8"] = torch.zeros(2, dtype=torch.float8_e4m3fn)
    read_multitalk(write(tmp_path / "v3.safetensors", tensors), "skyreels-v3-a2v")
    assert is_audio_name("blocks.1.audio_cross_attn.proj.scale_weight")
    assert not is_audio_name("blocks.0.self_attn.q.scale_weight")


def test_audio_layers_alone_are_infinitetalk(tmp_path):
    file = read_multitalk(write(tmp_path / "it.safetensors", zeros(AUDIO.shapes())), "infinitetalk")
    assert (file.audio, file.backbone) == (AUDIO, None)


def without(tensors, name):
    return {key: tensor for key, tensor in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("tensors", "kind", "message"),
    [
        (lambda: zeros(AUDIO.shapes()), "skyreels-v3-a2v", "Apply InfiniteTalk takes it, from models/model_patches"),
        (v3_tensors, "infinitetalk", "Load SkyReels-V3 A2V takes it, from models/diffusion_models"),
        (lambda: WanModel(WAN).state_dict(), "skyreels-v3-a2v", "is a Wan image-to-video backbone"),
        (lambda: {"blocks.0.self_attn.q.lora_A.weight": torch.zeros(1)}, "infinitetalk", "a LoRA.*Load LoRA"),
        (lambda: without(v3_tensors(), "audio_proj.proj3.weight"), "skyreels-v3-a2v", "is incomplete"),
        (lambda: without(v3_tensors(), "blocks.1.ffn.2.bias"), "skyreels-v3-a2v", "lacks 1 weights: blocks.1.ffn.2"),
        (lambda: without(v3_tensors(), "blocks.1.norm_x.bias"), "skyreels-v3-a2v", "lacks 1 weights: blocks.1.norm_x"),
        (lambda: v3_tensors() | {"extra.weight": torch.zeros(1)}, "skyreels-v3-a2v", "not known here: extra.weight"),
        (
            lambda: v3_tensors() | {"audio_proj.proj2.bias": torch.zeros(9)},
            "skyreels-v3-a2v",
            r"audio_proj.proj2.bias of shape \(9,\); \(8,\) is needed",
        ),
    ],
)  # fmt: skip
def test_a_wrong_or_partial_file_is_named(tmp_path, tensors, kind, message):
    path = write(tmp_path / "given.safetensors", tensors())
    with pytest.raises(InputError, match=message):
        read_multitalk(path, kind)
