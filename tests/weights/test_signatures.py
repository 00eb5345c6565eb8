"""The published layouts of the field, each named for what it is; headers alone, of full size where sizes tell."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.model.bundle import TEXT_ENCODER, VAE, WHISPER
from skyreels_core.model.checkpoint import describe, load_model
from skyreels_core.model.config import CONFIGS
from skyreels_core.model.detection import SCALE_NAME, expected_shapes
from skyreels_core.model.multitalk import MultiTalkConfig, read_multitalk
from skyreels_core.model.text import load_text_encoder
from skyreels_core.model.vae import load_vae
from skyreels_core.model.wav2vec import load_wav2vec
from skyreels_core.model.whisper import load_whisper
from skyreels_core.weights.header import read_header
from skyreels_core.weights.signatures import KINDS, SIGNATURES

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "I8": 1, "U8": 1}
SMALL = replace(CONFIGS["t2v-14b"], dim=128, ffn_dim=64, freq_dim=32, text_dim=24, num_heads=1, num_layers=3)
AUDIO = MultiTalkConfig(
    dim=128, num_layers=3, num_heads=1, features=24, intermediate_dim=8, context_tokens=3, token_dim=16
)
T2V = expected_shapes(SMALL, None)
I2V = expected_shapes(replace(SMALL, model_type="i2v", in_dim=36), None)


def wan(**changes):
    return expected_shapes(replace(SMALL, **changes), None)


def write(path, shapes, default="BF16"):
    """A file that takes no room on the disk; a shape may come with its format."""
    entries, end = {}, 0
    for name, given in shapes.items():
        form, shape = given if isinstance(given[0] if given else 0, str) else (default, given)
        begin, end = end, end + SIZES[form] * math.prod(shape)
        entries[name] = {"dtype": form, "shape": list(shape), "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)
    return path


def plus(shapes, *names):
    return shapes | dict.fromkeys(names, (1, 1))


VAE_NAMES = {"encoder.conv1.weight": (96, 3, 3, 3, 3), "decoder.conv1.weight": (384, 16, 3, 3, 3),
             "decoder.head.0.gamma": (96, 1, 1, 1)}  # fmt: skip
LAYOUTS = {
    "Wan 2.2 T2V A14B, high noise": (T2V, "wan-t2v"),
    "Wan 2.2 I2V A14B, without CLIP": (wan(in_dim=36), "wan-i2v"),
    "Wan 2.1 I2V or Fun InP": (I2V, "wan-i2v"),
    "Wan 2.1 FLF2V": (plus(I2V, "img_emb.emb_pos"), "wan-flf2v"),
    "Wan 2.2 TI2V 5B": (wan(in_dim=48, out_dim=48), "wan-ti2v"),
    "Wan 2.1 Fun Control": (wan(model_type="i2v", in_dim=48), "wan-control"),
    "Wan 2.2 Fun Control": (plus(wan(in_dim=52), "ref_conv.weight"), "wan-control"),
    "Wan Fun Camera": (plus(I2V, "control_adapter.conv.weight"), "wan-camera"),
    "Wan VACE": (plus(T2V, "vace_blocks.0.before_proj.weight", "vace_patch_embedding.weight"), "wan-vace"),
    "the VACE blocks alone": (plus({}, "vace_blocks.0.after_proj.weight"), "wan-vace"),
    "Wan 2.2 S2V": (plus(T2V, "casual_audio_encoder.encoder.final_linear.weight"), "wan-s2v"),
    "Wan 2.2 Animate": (plus(I2V, "face_adapter.fuser_blocks.0.k_norm.weight"), "wan-animate"),
    "SCAIL": (plus(I2V, "patch_embedding_pose.weight"), "wan-scail"),
    "Uni3C": (plus({}, "controlnet_blocks.0.self_attn.q.weight"), "uni3c"),
    "ReCamMaster": (plus(T2V, "blocks.0.cam_encoder.weight"), "wan-recam"),
    "SkyReels-V2 DF": (plus(T2V, "fps_embedding.weight"), "wan-skyreels-df"),
    "HuMo": (plus(T2V, "audio_proj.audio_proj_glob_1.layer.bias"), "humo"),
    "SkyReels-V3 A2V or FlashTalk": (I2V | AUDIO.shapes(), "skyreels-v3-a2v"),
    "InfiniteTalk": (AUDIO.shapes(), "infinitetalk"),
    "FantasyTalking": (plus({}, "proj_model.proj.weight", "blocks.0.cross_attn.k_proj.weight"), "fantasy-talking"),
    "LongCat Avatar": (plus({}, "blocks.0.audio_cross_attn.q_linear.weight", "blocks.0.attn.qkv.weight"),
                       "longcat-avatar"),
    "Wan of diffusers": (plus({}, "condition_embedder.time_embedder.linear_1.weight", "blocks.0.attn1.to_q.weight"),
                         "wan-diffusers"),
    "Wan 2.1 VAE": (VAE_NAMES, "vae"),
    "the VAE of diffusers": (plus({}, "decoder.up_blocks.0.resnets.0.norm1.gamma"), "vae-diffusers"),
    "TAEHV": (plus({}, "decoder.1.weight", "decoder.22.bias"), "tiny-vae"),
    "SD's VAE": (plus({}, "decoder.conv_in.weight", "decoder.mid.block_1.norm1.weight"), "image-vae"),
    "UMT5-XXL": ({"shared.weight": (256384, 8), "encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8)}, "umt5"),
    "UMT5-XXL of Wan": ({"token_embedding.weight": (256384, 8), "blocks.0.attn.q.weight": (8, 8)}, "umt5"),
    "T5-XXL": ({"shared.weight": (32128, 8), "encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8)}, "t5"),
    "T5-XXL without a shared one": ({"encoder.embed_tokens.weight": (32128, 8),
                                     "encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8)}, "t5"),
    "Whisper": (plus({}, "model.encoder.conv2.weight", "model.encoder.layers.0.fc1.weight"), "whisper"),
    "Whisper of OpenAI": (plus({}, "encoder.blocks.0.attn.query.weight", "encoder.positional_embedding"), "whisper"),
    "wav2vec2": (plus({}, "wav2vec2.feature_extractor.conv_layers.0.conv.weight"), "wav2vec2"),
    "CLIP vision": (plus({}, "vision_model.embeddings.class_embedding"), "clip-vision"),
    "CLIP vision of Wan": (plus({}, "visual.cls_embedding", "visual.transformer.0.attn.to_qkv.weight"), "clip-vision"),
    "CLIP text": (plus({}, "text_model.encoder.layers.0.mlp.fc1.weight"), "clip-text"),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_published_layout_is_named(tmp_path, case, prefix):
    shapes, kind = case
    path = write(tmp_path / "a.safetensors", {prefix + name: shape for name, shape in shapes.items()})
    description = describe(path)
    assert (description.kind, description.title) == (kind, KINDS[kind].title)
    assert f"use: {KINDS[kind].place}" in description.summary()


LORAS = [
    "diffusion_model.blocks.0.self_attn.q.lora_A.weight", "transformer.blocks.0.attn1.to_q.lora_B.default.weight",
    "lora_unet_blocks_0_self_attn_q.lora_down.weight", "diffusion_model.blocks.0.ffn.0.lora_up.weight",
    "blocks.0.self_attn.q.lora.down.weight", "unet.blocks.0.attn.processor.to_q_lora.up.weight",
    "diffusion_model.blocks.0.self_attn.q.lokr_w1", "diffusion_model.blocks.0.self_attn.q.lokr_w2_a",
    "lycoris_blocks_0_self_attn_q.lokr_t2", "lora_unet_blocks_0_self_attn_q.hada_w1_a", "blocks.0.ffn.0.hada_t1",
    "diffusion_model.blocks.0.self_attn.q.dora_scale", "diffusion_model.blocks.0.norm3.diff",
    "diffusion_model.blocks.0.norm3.diff_b", "lora_unet_blocks_0_self_attn_q.alpha", "blocks.0.attn.oft_blocks",
    "blocks.0.self_attn.q.oft_R.weight", "base_model.model.blocks.0.self_attn.q.lora_magnitude_vector.weight",
    "base_model.model.blocks.0.ffn.0.ia3_l", "base_model.model.blocks.0.ffn.0.vera_lambda_b",
]  # fmt: skip


@pytest.mark.parametrize("name", LORAS)
def test_a_lora_is_one_in_every_spelling(tmp_path, name):
    path = write(tmp_path / "a.safetensors", {name: (4, 4)})
    assert describe(path).kind == "lora"
    with pytest.raises(InputError, match=r"is a LoRA; a video model is needed here\. Give its base model"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("double_blocks.0.img_attn.norm.key_norm.scale", "Flux"),
        ("model.diffusion_model.input_blocks.0.0.weight", "Stable Diffusion or SDXL"),
        ("txt_in.individual_token_refiner.blocks.0.norm1.weight", "HunyuanVideo"),
        ("adaln_single.emb.timestep_embedder.linear_1.bias", "LTX-Video"),
        ("model.layers.0.self_attn.q_proj.weight", "a language model"),
        ("visual.blocks.0.attn.qkv.weight", None),
    ],
)
def test_a_model_of_others_is_not_one_of_this_project(tmp_path, name, other):
    description = describe(write(tmp_path / "a.safetensors", {name: (4, 4)}))
    assert description.kind == "unknown"
    says = f"the names of {other}, which this project does not use" if other else "names like visual.blocks"
    assert says in description.problems[0]


def quantised(shapes, old, *new):
    changed = {name: shape for name, shape in shapes.items() if name != old}
    return changed | {old + end: (form, (1,) if form == "U8" else shapes[old]) for end, form in new}


PACKED = {
    "quanto": (("._data", "I8"), ("._scale", "F32")),
    "bitsandbytes": (("", "U8"), (".absmax", "U8"), (".quant_state.bitsandbytes__nf4", "U8")),
    "GPTQ or AWQ": ((".qweight", "I8"), (".qzeros", "I8")),
}


@pytest.mark.parametrize("by", PACKED)
@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        (I2V, "blocks.0.ffn.0.weight"),
        (AUDIO.shapes(), "blocks.0.audio_cross_attn.q_linear.weight"),
        (I2V | AUDIO.shapes(), "blocks.0.self_attn.q.weight"),
    ],
    ids=["Wan", "InfiniteTalk", "V3"],
)
def test_packed_weights_are_a_problem_that_names_what_packed_them(tmp_path, by, shapes, name):
    (problem,) = describe(write(tmp_path / "a.safetensors", quantised(shapes, name, *PACKED[by]))).problems
    assert "quantised" in problem and by in problem


@pytest.mark.parametrize("end", ["scaled_fp8", "blocks.0.ffn.0.scale_weight", "blocks.0.ffn.0.weight_scale"])
def test_scaled_fp8_is_read_of_a_backbone_and_of_audio_layers(tmp_path, end):
    assert SCALE_NAME.search(end)
    backbone = {n: ("F8_E4M3", s) if len(s) == 2 else s for n, s in I2V.items()} | {end: ("F32", (1,))}
    assert describe(write(tmp_path / "wan.safetensors", backbone)).problems == ()
    layers = {n: ("F8_E4M3", s) if len(s) == 2 else s for n, s in AUDIO.shapes().items()}
    assert describe(write(tmp_path / "it.safetensors", layers)).problems == ()


@pytest.mark.parametrize("kind", ["infinitetalk", "skyreels-v3-a2v"])
def test_what_is_said_of_the_multitalk_family_is_what_its_loader_says(tmp_path, kind):
    shapes = AUDIO.shapes() if kind == "infinitetalk" else I2V | AUDIO.shapes()
    path = write(tmp_path / "a.safetensors", shapes)
    assert describe(path).problems == () and read_multitalk(path, kind)
    del shapes["blocks.2.audio_cross_attn.proj.weight"]
    write(path, shapes)
    (problem,) = describe(path).problems
    assert "lacks 1 weights: blocks.2.audio_cross_attn.proj.weight. Download it again" in problem
    with pytest.raises(InputError) as refused:
        read_multitalk(path, kind)
    assert str(refused.value) == problem


LOADERS = {VAE: load_vae, TEXT_ENCODER: load_text_encoder, WHISPER: load_whisper}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("change", ["whole", "a weight less", "another shape", "fp8"])
def test_an_encoder_or_a_vae_without_problems_loads_and_one_with_some_is_refused_by_them(
    tmp_path, bundle_folder, name, change
):
    header = read_header(bundle_folder / name)
    shapes = {n: (header.formats[n], shape) for n, shape in header.shapes.items()}
    middle = [n for n in shapes if n.endswith("weight") and n.count(".") > 3][3]
    if change == "whole":
        assert describe(bundle_folder / name).problems == ()
        LOADERS[name](bundle_folder / name)
        return
    if change == "a weight less":
        del shapes[middle]
    elif change == "another shape":
        shapes[middle] = ("F16", (3, *shapes[middle][1]))
    else:
        shapes[middle] = ("F8_E4M3", shapes[middle][1])
    path = write(tmp_path / "a.safetensors", shapes)
    (problem,) = describe(path).problems
    assert (middle if change != "fp8" else "F8_E4M3").removeprefix("model.encoder.") in problem
    with pytest.raises(InputError) as refused:
        LOADERS[name](path)
    assert problem in str(refused.value)


@pytest.mark.parametrize("prefix", ["model.", "vae.", "first_stage_model.", "vae.model.", "_orig_mod."])
def test_a_vae_with_a_prefix_is_one_and_loads(tmp_path, bundle_folder, prefix):
    from safetensors.torch import load_file

    state = load_file(bundle_folder / VAE)
    save_file({prefix + name: tensor for name, tensor in state.items()}, tmp_path / "vae.safetensors")
    description = describe(tmp_path / "vae.safetensors")
    assert (description.kind, description.problems) == ("vae", ())
    latent = torch.zeros(1, 16, 1, 4, 4)
    plain, wrapped = load_vae(bundle_folder / VAE), load_vae(tmp_path / "vae.safetensors")
    assert torch.equal(plain.decode(latent), wrapped.decode(latent))


def test_the_vae_of_wan_2_2_is_named_with_its_channels(tmp_path):
    shapes = VAE_NAMES | {"decoder.conv1.weight": (1024, 48, 3, 3, 3), "decoder.head.0.gamma": (256, 1, 1, 1)}
    path = write(tmp_path / "wan2.2_vae.safetensors", shapes)
    (problem,) = describe(path).problems
    assert "48 latent channels (the VAE of Wan 2.2); 16 are needed" in problem
    with pytest.raises(InputError, match=r"48 latent channels.*give wan_2\.1_vae\.safetensors"):
        load_vae(path)


def test_a_t5_is_refused_with_its_number_of_words(tmp_path):
    path = write(tmp_path / "t5xxl.safetensors", LAYOUTS["T5-XXL"][0])
    assert "32128 words; Wan needs UMT5-XXL, which has 256384" in describe(path).problems[0]
    with pytest.raises(
        InputError, match=r"is a T5 text encoder, not a UMT5; a text encoder is needed.*umt5_xxl"
    ):
        load_text_encoder(path)


def test_an_encoder_with_the_names_of_its_makers_is_refused_as_its_loader_refuses_it(tmp_path):
    for name, load in (("Whisper of OpenAI", load_whisper), ("UMT5-XXL of Wan", load_text_encoder)):
        path = write(tmp_path / "a.safetensors", LAYOUTS[name][0])
        (problem,) = describe(path).problems
        with pytest.raises(InputError) as refused:
            load(path)
        assert problem in str(refused.value)


@pytest.mark.parametrize("width", [768, 1024], ids=["base", "large"])
def test_a_wav2vec2_that_is_not_whole_is_refused_as_its_loader_refuses_it(tmp_path, width):
    names = {"feature_extractor.conv_layers.0.conv.weight": (512, 1, 10)}
    path = write(tmp_path / "a.safetensors", names | {"feature_projection.projection.weight": (width, 512)})
    (problem,) = describe(path).problems
    with pytest.raises(InputError) as refused:
        load_wav2vec(path)
    assert str(refused.value) == problem


def test_a_part_of_a_model_is_named_by_all_parts_that_are_there(tmp_path):
    names = list((I2V | AUDIO.shapes()).items())
    for number in range(2):
        write(tmp_path / f"m-{number + 1:05}-of-00002.safetensors", dict(names[number::2]))
    description = describe(tmp_path / "m-00001-of-00002.safetensors")
    assert (description.kind, description.problems) == ("skyreels-v3-a2v", ())
    (tmp_path / "m-00002-of-00002.safetensors").unlink()
    assert "one of 2 parts, and m-00002" in describe(tmp_path / "m-00001-of-00002.safetensors").problems[0]


def test_a_humo_that_lacks_a_weight_of_a_block_says_which(tmp_path):
    shapes = plus(T2V, "audio_proj.audio_proj_glob_1.layer.bias")
    assert describe(write(tmp_path / "a.safetensors", shapes)).problems == ()
    del shapes["blocks.1.ffn.2.bias"]
    assert "blocks.1.ffn.2.bias" in describe(write(tmp_path / "a.safetensors", shapes)).problems[0]


def test_a_model_that_nothing_here_takes_says_so_and_is_refused(tmp_path):
    path = write(tmp_path / "vace.safetensors", LAYOUTS["Wan VACE"][0])
    assert describe(path).problems[0].startswith("No loader or sampler of this project takes it")
    with pytest.raises(
        InputError, match=r"vace.* is a Wan VACE model.*In ComfyUI, Load Diffusion Model takes it"
    ):
        load_model(path)


def test_every_signature_has_a_title_and_a_place():
    assert {signature.kind for signature in SIGNATURES} <= KINDS.keys()
    assert all(about.place.endswith(".") for about in KINDS.values())
