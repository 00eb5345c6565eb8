"""Files and models that cannot be used end in one sentence that names them, on the node that they were given to."""

from __future__ import annotations

import shutil

import pytest
import torch
from graphs import (
    animation,
    completed,
    edit,
    guided,
    model_path,
    node,
    place,
    place_parts,
    shown,
    stock,
    through,
)
from refusals import refusal
from safetensors.torch import load_file

from skyreels_core import assets
from skyreels_core.model.checkpoint import load_model, save_model

MODELS, LAYERS, ENCODERS = "diffusion_models", "model_patches", "audio_encoders"
PLAIN, PARTS = "plain_wan.safetensors", "audio_layers.safetensors"
WHOLE = {"model": "demo.safetensors", "vae": "vae.safetensors", "whisper": "whisper.safetensors"}
SPOILED = {
    "text.safetensors": "not a safetensors file",
    "cut.safetensors": "is damaged: its header promises",
    "pickle.safetensors": "is a pickle, which can run foreign code",
}


@pytest.fixture(scope="module", autouse=True)
def files(server):
    """In each of our loaders' folders: whole files of every kind, and some that are none."""
    for folder in (MODELS, LAYERS, ENCODERS):
        for source, name in WHOLE.items():
            shutil.copy(assets.model() / f"{source}.safetensors", model_path(server, folder, name))
        lora = {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": torch.zeros(1, 1)}
        place(server, folder, "lora.safetensors", lora)
        model_path(server, folder, "text.safetensors").write_text("a note, not a model")
        whole = (assets.model() / "model.safetensors").read_bytes()
        model_path(server, folder, "cut.safetensors").write_bytes(whole[:-1000])
        torch.save({"weight": torch.zeros(1)}, model_path(server, folder, "pickle.safetensors"))
    place_parts(server)
    place_other_models(server)


def place_other_models(server):
    """Models of other sizes and families, made from the demo's."""
    _, adapter, metadata = load_model(assets.model() / "model.safetensors", dtype=torch.float16)
    plain = load_file(server.models / MODELS / PLAIN)
    config = {"config": '{"transformer": {"num_heads": 4, "text_dim": 64}}'}
    vace = {"vace_patch_embedding.weight": torch.zeros(160, 96, 1, 2, 2), "vace_blocks.0.x": torch.zeros(1)}
    place(server, MODELS, "vace.safetensors", plain | vace, **config)
    blind = {"patch_embedding.weight": plain["patch_embedding.weight"][:, :16]}
    place(server, MODELS, "no_picture.safetensors", plain | blind, **config)
    short = {name: tensor for name, tensor in plain.items() if not name.startswith("blocks.5.")}
    place(server, MODELS, "short.safetensors", short, **config)
    silent = {section: values for section, values in metadata.items() if section != "sampling"}
    save_model(model_path(server, LAYERS, "no_settings.safetensors"), None, adapter, silent, torch.float16)
    head = "diffusion_model.head.head"
    nan = {
        f"{head}.lora_A.weight": torch.full((1, 160), torch.nan),
        f"{head}.lora_B.weight": torch.ones(64, 1),
    }
    place(server, "loras", "broken.safetensors", nan)


def backbone_file(name):
    return node("UNETLoader", unet_name=name, weight_dtype="default")


def load_model_file(name):
    return {"loaded": node("SkyReelsAudioLoadModel", model_name=name, weight_dtype="default")} | shown(
        "loaded"
    )


def apply_layers_file(name, backbone=PLAIN):
    layers = node("SkyReelsAudioApplyLayers", model=["wan", 0], audio_layers=name)
    return {"wan": backbone_file(backbone), "loaded": layers} | shown("loaded")


def load_whisper_file(name):
    return {"loaded": node("SkyReelsAudioLoadWhisper", name=name)} | shown("loaded")


@pytest.mark.parametrize("load", [load_model_file, apply_layers_file, load_whisper_file])
@pytest.mark.parametrize("name", SPOILED)
def test_a_file_that_is_no_model_is_named(server, load, name):
    said = refusal(server, load(name))
    assert name in said and SPOILED[name] in said


@pytest.mark.parametrize(
    ("load", "name", "words"),
    [
        (load_model_file, "vae.safetensors", "is a VAE of Wan"),
        (load_model_file, "whisper.safetensors", "is a Whisper encoder"),
        (load_model_file, "lora.safetensors", "is a LoRA"),
        (
            load_model_file,
            PLAIN,
            "without audio layers. Load it with Load Diffusion Model, and put Apply SkyReels",
        ),
        (apply_layers_file, "vae.safetensors", "is a VAE of Wan"),
        (apply_layers_file, "whisper.safetensors", "is a Whisper encoder"),
        (apply_layers_file, "lora.safetensors", "is a LoRA"),
        (load_whisper_file, "vae.safetensors", "is a VAE of Wan; a Whisper encoder in transformers format"),
        (load_whisper_file, "demo.safetensors", "is a SkyReels-Audio model"),
    ],
)
def test_a_file_of_the_wrong_kind_is_named(server, load, name, words):
    said = refusal(server, load(name))
    assert name in said and words in said


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("short.safetensors", "width 160 with 6 blocks; the model has width 160 and 5 blocks"),
        ("vace.safetensors", "of type WAN21_Vace. Audio layers go on a Wan 2.1"),
    ],
)
def test_audio_layers_on_a_backbone_that_is_not_theirs(server, backbone, words):
    assert words in refusal(server, apply_layers_file(PARTS, backbone))


def test_audio_layers_on_a_model_that_has_some(server):
    twice = node("SkyReelsAudioApplyLayers", model=["loaded", 0], audio_layers=PARTS)
    prompt = load_model_file("demo.safetensors") | {"twice": twice} | shown("twice")
    assert "has audio layers already" in refusal(server, prompt)


@pytest.mark.parametrize("scene", [animation, lambda: guided(animation())], ids=["sampler", "guider"])
class TestSampled:
    def test_a_model_without_audio_layers(self, server, scene):
        prompt = through(scene(), "wan", backbone_file(PLAIN))
        assert "has no audio layers, so it cannot use the voice" in refusal(server, prompt)

    def test_a_model_of_another_family(self, server, scene):
        prompt = through(scene(), "wan", backbone_file("vace.safetensors"))
        assert "of type WAN21_Vace. SkyReels-Audio needs a Wan 2.1" in refusal(server, prompt)

    @pytest.mark.parametrize("cache", ["EasyCache", "LazyCache"])
    def test_a_model_with_a_cache_of_the_host(self, server, scene, cache):
        prompt = through(scene(), "cache", stock(server, cache, model=["demo", 0]))
        assert f"has {cache} on it, which cannot tell windows apart" in refusal(server, prompt)

    @pytest.mark.parametrize("windows", ["ContextWindowsManual", "WanContextWindowsManual"])
    def test_a_model_with_the_hosts_context_windows(self, server, scene, windows):
        prompt = through(scene(), "context", stock(server, windows, model=["demo", 0]))
        assert "Remove the Context Windows node" in refusal(server, prompt)

    def test_a_model_that_gives_nan(self, server, scene):
        lora = node(
            "LoraLoaderModelOnly", model=["demo", 0], lora_name="broken.safetensors", strength_model=1.0
        )
        assert "holds NaN or infinity" in refusal(server, through(scene(), "lora", lora))


def with_layers(prompt, backbone, layers=PARTS):
    parts = apply_layers_file(layers, backbone)
    return through(prompt, "loaded", parts["loaded"]) | {"wan": parts["wan"]}


def test_an_edit_with_a_model_that_takes_no_picture(server):
    assert "takes no picture (16 input channels)" in refusal(
        server, with_layers(edit(), "no_picture.safetensors")
    )


def test_a_model_without_teacache_coefficients_is_cached_and_the_reports_say_so(server):
    prompt = with_layers(animation(tea_cache=0.05), PLAIN, "no_settings.safetensors") | {
        "cache": node("SkyReelsAudioTeaCache", model=["loaded", 0], enabled=True, threshold=0.05),
        "planned": node("PreviewAny", source=["cache", 1]),
        "sampled": node("PreviewAny", source=["sampler", 1]),
    }
    outputs = completed(server, prompt)["outputs"]
    for name in ("planned", "sampled"):
        assert "No TeaCache coefficients are known for this model" in outputs[name]["text"][0]
