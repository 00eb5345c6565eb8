"""What a LoRA is called on the command line, and what its tensors call the weights of a backbone."""

from __future__ import annotations

import os

import pytest
import torch

from skyreels_core.model.config import CONFIGS
from skyreels_core.model.sizes import expected_shapes
from skyreels_core.weights.lora import Lora, meaning, read_lora, spelled_names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "style.safetensors").touch()
    (tmp_path / "with blanks").mkdir()
    (tmp_path / "with blanks" / "Ümläut.safetensors").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "strength"),
    [
        ("style.safetensors", "style.safetensors", 1.0),
        ("style.safetensors:0.8", "style.safetensors", 0.8),
        ("style.safetensors:-1", "style.safetensors", -1.0),
        ("style.safetensors:0", "style.safetensors", 0.0),
        ("style.safetensors:0,8", "style.safetensors", 0.8),
        ("style.safetensors:80%", "style.safetensors", 0.8),
        ("style.safetensors:1e-1", "style.safetensors", 0.1),
        ("with blanks/Ümläut.safetensors:.5", "with blanks/Ümläut.safetensors", 0.5),
        ('"with blanks/Ümläut.safetensors":.5', "with blanks/Ümläut.safetensors", 0.5),
        ('"with blanks/Ümläut.safetensors:.5"', "with blanks/Ümläut.safetensors", 0.5),
        (" style.safetensors:2 ", "style.safetensors", 2.0),
        ("C:\\loras\\x.safetensors:0.8", "C:\\loras\\x.safetensors", 0.8),
        ("C:\\loras\\x.safetensors", "C:\\loras\\x.safetensors", 1.0),
        ("C:/loras/x.safetensors", "C:/loras/x.safetensors", 1.0),
        ("missing.safetensors", "missing.safetensors", 1.0),
        ("missing.safetensors:0.5", "missing.safetensors", 0.5),
        ("missing:strong", "missing:strong", 1.0),
    ],
)
def test_a_strength_may_follow_the_file(folder, text, name, strength):
    lora = read_lora(text)
    assert (str(lora.path).replace("\\", "/"), lora.strength) == (name.replace("\\", "/"), strength)


def test_a_file_address_may_have_a_strength(folder):
    path = folder / "style.safetensors"
    assert read_lora(f"{path.as_uri()}:0.3") == Lora(path, 0.3)


@pytest.mark.skipif(os.name == "nt", reason="no name has a colon there")
def test_a_file_whose_name_ends_as_a_strength_does_is_that_file(folder):
    (folder / "style.safetensors:0.8").touch()
    assert read_lora("style.safetensors:0.8") == Lora((folder / "style.safetensors:0.8").relative_to(folder))
    assert read_lora("style.safetensors:0.8:0.5").strength == 0.5
    assert read_lora("style.safetensors:0.7").path.name == "style.safetensors"


@pytest.mark.parametrize("strength", ["strong", "", "nan", "inf", "1e999", "0.8x", "1,000"])
def test_a_strength_that_is_none_is_told(folder, strength):
    with pytest.raises(
        ValueError, match=r"the strength after style.safetensors must be a number such as 0\.8"
    ):
        read_lora(f"style.safetensors:{strength}")


def test_every_weight_of_every_backbone_has_its_own_name_in_each_spelling():
    for config in CONFIGS.values():
        weights = expected_shapes(config, None)
        known = spelled_names(weights)
        assert set(known.values()) == set(weights)
        assert all(known[name.replace(".", "_")] == name for name in weights)


def test_diffusers_names_are_those_that_diffusers_itself_gives():
    convert = pytest.importorskip("diffusers.loaders.single_file_utils").convert_wan_transformer_to_diffusers
    weights = expected_shapes(CONFIGS["i2v-14b"], None)
    marked = {name: torch.tensor(number) for number, name in enumerate(weights)}
    theirs, names, known = convert(dict(marked)), list(weights), spelled_names(weights)
    assert len(theirs) == len(names)
    assert {name: known[name.replace(".", "_")] for name in theirs} == {
        name: names[int(mark)] for name, mark in theirs.items()
    }


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("diffusion_model.blocks.0.ffn.0.lora_down.weight", ("blocks_0_ffn_0", "down", "weight")),
        ("lora_unet_blocks_0_ffn_0.lora_up.weight", ("blocks_0_ffn_0", "up", "weight")),
        ("lora_unet__blocks_0_ffn_0.alpha", ("blocks_0_ffn_0", "alpha", "weight")),
        ("unet.blocks.0.attn1.processor.to_q_lora.up.weight", ("blocks_0_attn1_to_q", "up", "weight")),
        ("blocks.0.ffn.0.lora_linear_layer.down.weight", ("blocks_0_ffn_0", "down", "weight")),
        ("transformer.blocks.0.diff_m", ("blocks_0", "diff", "modulation")),
        ("blocks.0.norm3.diff_b", ("blocks_0_norm3", "diff", "bias")),
        ("transformer.transformer_blocks.0.ff.lora_A.weight", ("transformer_blocks_0_ff", "down", "weight")),
        ("blocks.0.self_attn.q.weight", ("blocks.0.self_attn.q.weight", None, "")),
        ("blocks.0.self_attn.q.lora_B.bias", ("blocks.0.self_attn.q.lora_B.bias", None, "")),
    ],
)  # fmt: skip
def test_a_tensor_says_what_it_changes(name, means):
    assert meaning(name) == means
