"""LoRA on the backbone: what is trained, what is written, and that the file means what was trained."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toys import SIZES, material, sections, toy, written

from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.bundle import load_bundle
from skyreels_core.training.lora import LoraSettings, add_lora, comfyui_state, lora_parameters
from skyreels_core.training.recipe import read_recipe
from skyreels_core.training.train import train

ALPHA = 6


OWN = {"editing": 0.5, "lr": 1e-2}
VOICE, LORA = {"name": "voice", "train": "audio", **OWN}, {"name": "joint", "train": "lora", **OWN}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A folder with a model and clips, and the bundle of a run in it."""
    folder = material(tmp_path_factory.mktemp("data"))
    recipe = written(folder, sections(folder, VOICE, LORA, lora={"rank": 3, "alpha": ALPHA}))
    return folder, train(recipe, folder / "run", EVERY_SECTION)


def test_the_file_has_the_keys_that_comfyui_loads(trained):
    folder, bundle = trained
    state = load_file(bundle / "lora.safetensors")
    layers = {name.rsplit(".lora_", 1)[0] for name in state if ".lora_" in name}
    blocks = len(load_bundle(folder).model.blocks)
    assert len(layers) == blocks * 10
    form = r"diffusion_model\.blocks\.\d+\.(self_attn|cross_attn)\.[qkvo]|diffusion_model\.blocks\.\d+\.ffn\.[02]"
    assert all(re.fullmatch(form, layer) for layer in layers)
    assert all(float(state[f"{layer}.alpha"]) == ALPHA for layer in layers)
    assert {f"{layer}.lora_{part}.weight" for layer in layers for part in ("up", "down")} <= state.keys()


def test_the_backbone_is_not_written_and_the_audio_layers_are(trained):
    _, bundle = trained
    names = load_file(bundle / "model.safetensors").keys()
    assert names and all(re.search(r"audio_(proj|attn|norm)", name) for name in names)


def test_layers_start_without_effect_and_the_file_is_what_they_learned():
    generator = torch.Generator().manual_seed(1)
    plain, given = toy().backbone, inputs(generator)
    with_lora = toy().backbone
    add_lora(with_lora, LoraSettings(rank=4, alpha=8), seed=0)
    assert torch.equal(plain(*given), with_lora(*given))
    for weight in lora_parameters(with_lora):
        torch.nn.init.normal_(weight, std=0.05, generator=generator)
    state = comfyui_state(with_lora.state_dict(), 8, torch.float32)
    for name, layer in plain.named_modules():
        key = f"diffusion_model.{name}"
        if f"{key}.alpha" in state:
            up, down = (state[f"{key}.lora_{part}.weight"] for part in ("up", "down"))
            layer.weight.data += state[f"{key}.alpha"] / len(down) * up @ down
    assert torch.allclose(plain(*given), with_lora(*given), atol=1e-5)
    assert not torch.allclose(plain(*given), toy().backbone(*given), atol=1e-2)


def inputs(generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    x = torch.randn(1, SIZES.in_dim, 2, 4, 4, generator=generator)
    return x, torch.full((1,), 500.0), torch.randn(1, 3, SIZES.text_dim, generator=generator)


def test_the_layers_start_the_same_with_the_same_seed():
    def start(seed: int) -> torch.Tensor:
        backbone = WanModel(SIZES)
        add_lora(backbone, LoraSettings(rank=2), seed)
        return lora_parameters(backbone)[0].detach()

    assert torch.equal(start(3), start(3)) and not torch.equal(start(3), start(4))


@pytest.mark.parametrize(
    ("changes", "says"),
    (
        ({"lora": {"rank": 0}}, "rank 0"),
        ({"lora": {"rank": 4, "ranks": 4}}, "ranks"),
        ({}, "such a leg to `lora`"),
    ),
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, changes, says):
    written(tmp_path, sections(tmp_path, VOICE, LORA, **changes))
    with pytest.raises(InputError, match=says):
        read_recipe(tmp_path / "recipe.yaml")


def test_lora_beside_a_backbone_that_moves_is_refused(tmp_path):
    legs = VOICE, LORA, {"name": "whole", "train": "all"}
    written(tmp_path, sections(tmp_path, *legs, lora={}))
    with pytest.raises(InputError, match="leave one of them out"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_leg_that_trains_something_unknown_is_refused(tmp_path):
    written(tmp_path, sections(tmp_path, {"name": "x", "train": "everything"}))
    with pytest.raises(InputError, match="'everything', not one of audio, lora, backbone, all"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_target_that_no_layer_has_names_those_that_there_are():
    with pytest.raises(InputError, match=r"attn1\.to_q.*self_attn\.q"):
        add_lora(toy().backbone, LoraSettings(targets=["self_attn.q", "attn1.to_q"]), seed=0)


def test_a_missing_peft_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"skyreels-audio\[train\]"):
        add_lora(toy().backbone, LoraSettings(), seed=0)
