import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.checkpoint import describe, load_model, read_header, save_model
from skyreels_core.model.config import CONFIGS, AudioConfig

LAYOUT = Path(__file__).parents[1] / "data" / "wan_i2v_14b_layout.json"
WAN = replace(CONFIGS["demo"], dim=48, ffn_dim=64, freq_dim=32, text_dim=24, num_layers=2)
WAN_T2V = replace(WAN, in_dim=16)
WAN_I2V = replace(WAN, model_type="i2v")
AUDIO = AudioConfig(width=20, dim=48, num_heads=4, num_layers=2, eps=1e-6, rope=True)
SAMPLING = {"steps": 30, "shift": 1.5, "window": 9}
STATED = {"config": json.dumps({"transformer": {"num_heads": 4}})}


def written(path, tensors, metadata=None):
    save_file(tensors, path, metadata)
    return path


def names_of(kind):
    wan = list(WanModel(WAN_I2V).state_dict())
    blocks = "blocks.0.audio_cross_attn.q_linear.weight", "blocks.0.norm_x.weight", "audio_proj.proj1.weight"
    return {
        "lora": [
            "diffusion_model.blocks.0.self_attn.q.lora_A.weight",
            "diffusion_model.blocks.0.ffn.0.lora_B.weight",
        ],
        "humo": [
            *wan,
            "audio_proj.audio_proj_glob_1.layer.bias",
            "blocks.0.audio_cross_attn_wrapper.norm1_audio.weight",
        ],
        "skyreels-v3-a2v": [*wan, *blocks],
        "infinitetalk": blocks,
        "vae": ["encoder.conv1.weight", "decoder.conv1.weight", "decoder.head.0.gamma"],
        "umt5": ["shared.weight", "encoder.block.0.layer.0.SelfAttention.q.weight"],
        "whisper": ["model.encoder.conv2.weight", "model.encoder.layers.0.fc1.weight"],
        "clip-vision": ["vision_model.embeddings.class_embedding", "visual_projection.weight"],
        "audio-layers": list(AudioAdapter(AUDIO).state_dict()),
        "unknown": ["transformer.h.0.attn.weight"],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("lora", "is a LoRA; a video model is needed here. Give its base model"),
        ("humo", "is a HuMo model.*Load Diffusion Model"),
        ("skyreels-v3-a2v", "is a SkyReels-V3 A2V model"),
        ("infinitetalk", "InfiniteTalk or MultiTalk.*Apply InfiniteTalk"),
        ("vae", "is a VAE of Wan.*as the VAE"),
        ("umt5", "is a UMT5 text encoder.*as the text encoder"),
        ("whisper", "is a Whisper encoder"),
        ("clip-vision", "is a CLIP vision encoder"),
        ("audio-layers", "without a backbone.*beside a Wan 2.1 or SkyReels-V2 backbone"),
        ("unknown", "an unknown model.*names like transformer.h.0.attn.weight"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, kind, says):
    path = written(tmp_path / "file.safetensors", {name: torch.zeros(2, 2) for name in names_of(kind)})
    assert describe(path).kind == kind
    with pytest.raises(InputError, match=says):
        load_model(path)


def test_a_backbone_is_refused_where_audio_layers_are_needed(tmp_path):
    path = tmp_path / "wan.safetensors"
    save_model(path, WanModel(WAN_I2V), None, {}, torch.float32)
    with pytest.raises(InputError, match=r"image-to-video backbone; audio layers are needed.*as the model"):
        load_model(path, path)


@pytest.mark.parametrize("scales", ["without scales", "with scales"])
def test_int8_files_are_named(tmp_path, scales):
    tensors = {name: tensor.to(torch.int8) for name, tensor in WanModel(WAN).state_dict().items()}
    if scales == "with scales":
        tensors["blocks.0.self_attn.q.scale_weight"] = torch.ones(1)
    path = written(tmp_path / "int8.safetensors", tensors, STATED)
    with pytest.raises(InputError, match=rf"I8, {scales}.*fp8, float16, bfloat16 or float32"):
        load_model(path)


def test_missing_weights_are_counted_and_named(tmp_path):
    tensors = WanModel(WAN).state_dict()
    for name in ("blocks.1.ffn.0.bias", "blocks.1.norm3.weight"):
        del tensors[name]
    path = written(tmp_path / "wan.safetensors", tensors, STATED)
    with pytest.raises(
        InputError, match=r"2 weights are missing: blocks.1.norm3.weight, blocks.1.ffn.0.bias\."
    ):
        load_model(path)


def test_one_part_of_a_model_is_named_as_such(tmp_path):
    tensors = {name: tensor for name, tensor in WanModel(WAN).state_dict().items() if "blocks.1" in name}
    path = written(tmp_path / "diffusion_pytorch_model-00002-of-00002.safetensors", tensors)
    with pytest.raises(InputError, match=r"lacks patch_embedding.weight.*one part of several; join them"):
        load_model(path)


def test_weights_of_another_wan_model_are_named(tmp_path):
    tensors = WanModel(WAN).state_dict() | {"vace_blocks.0.before_proj.weight": torch.zeros(2)}
    path = written(tmp_path / "vace.safetensors", tensors, STATED)
    with pytest.raises(InputError, match=r"1 weights belong to another kind of model: vace_blocks\.0"):
        load_model(path)
    save_model(path, WanModel(replace(WAN, in_dim=48, out_dim=48)), None, {}, torch.float32)
    with pytest.raises(InputError, match="48 input and 48 output channels; 16 or 36 and 16 are needed"):
        load_model(path)


def test_a_file_that_does_not_tell_its_heads_is_refused(tmp_path):
    path = written(tmp_path / "wan.safetensors", WanModel(WAN).state_dict())
    with pytest.raises(InputError, match=r"width of 48.*does not state transformer.num_heads"):
        load_model(path)


def test_the_published_i2v_14b_is_described_without_reading_its_tensors(tmp_path):
    layout = json.loads(LAYOUT.read_text())
    shapes = {f"blocks.{n}.{name}": shape for n in range(40) for name, shape in layout["block"].items()}
    path = tmp_path / "wan.safetensors"
    write_sparse(path, shapes | layout["rest"])
    assert len(read_header(path).shapes) == 1303
    description = describe(path)
    assert (description.kind, description.config) == ("wan-i2v", CONFIGS["i2v-14b"])
    assert (description.parameters, description.dtype, description.problems) == (
        16_394_878_784,
        "bfloat16",
        (),
    )


def write_sparse(path, shapes):
    """A bfloat16 file of full size that takes no room on the disk."""
    entries, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * torch.Size(shape).numel()
        entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def test_a_description_tells_sizes_audio_layers_and_settings(tmp_path):
    path = tmp_path / "merged.safetensors"
    save_model(path, WanModel(WAN), AudioAdapter(AUDIO), {"sampling": SAMPLING}, torch.float16)
    description = describe(path)
    modules = WanModel(WAN), AudioAdapter(AUDIO)
    assert description.parameters == sum(p.numel() for module in modules for p in module.parameters())
    assert description.sampling == SAMPLING
    lines = description.summary().splitlines()
    assert lines[1] == f"{description.parameters:,} parameters, float16"
    assert lines[2].startswith("backbone: width 48, 4 heads, 2 blocks, feed-forward 64, text width 24")
    assert lines[2].endswith("36 input channels (takes a picture)")
    assert lines[3:] == [
        "audio layers: Whisper width 20, width 48, 4 heads, 2 blocks, with rotary positions",
        "steps: 30",
        "shift: 1.5",
        "window: 9",
    ]
    save_model(path, WanModel(WAN_T2V), None, {}, torch.float16)
    assert "(takes no picture)\naudio layers: none" in describe(path).summary()
