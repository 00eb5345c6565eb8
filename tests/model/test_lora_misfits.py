"""Files that are no LoRA, or none for the backbone: each is refused in one sentence."""

from __future__ import annotations

import math

import pytest
import torch
from loras import LAYERS, RANK, i2v_lora, in_form, kohya, normal, pairs, written
from networks import WAN, networks

from skyreels_core.errors import InputError
from skyreels_core.model.checkpoint import load_model, save_model
from skyreels_core.weights.lora import Lora


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "model.safetensors"
    save_model(path, *networks(), {}, torch.float32)
    return path


def misfits():
    layer = "diffusion_model.blocks.0.self_attn.q"
    whole = in_form({"blocks.0.self_attn.q": pairs()["blocks.0.self_attn.q"]})
    up, down = f"{layer}.lora_up.weight", f"{layer}.lora_down.weight"
    wide = {up: normal(2 * WAN.dim, RANK), down: normal(RANK, 2 * WAN.dim)}
    flux = {
        f"transformer.single_transformer_blocks.{n}.attn.to_q.lora_{half}.weight": torch.zeros(4, 4)
        for n in range(3) for half in "AB"
    }  # fmt: skip
    ltx = {
        f"transformer.transformer_blocks.0.attn1.to_q.lora_{half}.weight": torch.zeros(4, 4) for half in "AB"
    }
    deep = {name.replace("blocks.0", "blocks.7"): tensor for name, tensor in whole.items()}
    text = {name.replace("diffusion_model", "text_encoders"): tensor for name, tensor in whole.items()}
    nan = {**whole, up: torch.full((WAN.dim, RANK), math.nan)}
    return {
        "none of its layers": (flux, "has 6 of 6 tensors for layers that .* does not have.*of Flux.*for this backbone"),
        "layers of LTX, which are called alike": (ltx, "2 of 2 tensors for layers"),
        "a part of its layers": (whole | deep, r"has 2 of 4 tensors .*such as diffusion_model\.blocks\.7\.self_attn"),
        "a text encoder too": (whole | text, r"2 of 4 .* such as text_encoders\.blocks"),
        "nothing but picture layers": (i2v_lora(), "has 7 of 7 tensors for layers"),
        "another width": (wide, r"changes blocks.0.self_attn.q.weight, which has shape \[96, 96\].*by \[192, 3\]"),
        "halves of two ranks": (whole | {up: normal(WAN.dim, 4)}, r"by \[96, 4\] and \[3, 96\]"),
        "halves of rank 0": (whole | {up: normal(WAN.dim, 0), down: normal(0, WAN.dim)}, r"by \[96, 0\]"),
        "a difference of another shape": ({f"{layer}.diff": normal(WAN.dim, 1)}, r"by \[96, 1\]"),
        "one half": ({up: whole[up]}, "lora_up.weight without the other part of the pair"),
        "an alpha alone": ({**whole, f"{layer.replace('q', 'k')}.alpha": torch.tensor(1.0)}, "without the other part"),
        "alphas": (whole | {f"{layer}.alpha": torch.ones(RANK)}, r"alpha of shape \[3\]; one number is needed"),
        "a layer twice": (whole | {f"{kohya(LAYERS[0])}.lora_up.weight": whole[up]}, "two tensors for one"),
        "integers": (whole | {up: torch.zeros(WAN.dim, RANK, dtype=torch.int8)}, r"quantised \(I8\)"),
        "NaN": (nan, "lora_up.weight holds NaN or infinity"),
        "LoKr": ({f"{layer}.lokr_w1": torch.zeros(4, 4)}, "has LoKr .*not read here.*Load LoRA may read"),
        "LoHa": ({f"{kohya('blocks.0.ffn.0')}.hada_w1_a": torch.zeros(4, 4)}, "has LoHa"),
        "DoRA": (whole | {f"{layer}.dora_scale": torch.zeros(WAN.dim, 1)}, "has DoRA"),
        "peft's DoRA": (whole | {f"{layer}.lora_magnitude_vector": torch.zeros(WAN.dim)}, "has DoRA"),
        "GLoRA": ({f"{layer}.{half}.weight": torch.zeros(4, 4) for half in ("a1", "a2", "b1", "b2")}, "has GLoRA"),
        "LoCon with a core": (whole | {f"{layer}.lora_mid.weight": torch.zeros(3, 3, 1, 1)}, "has a LoCon"),
        "set_weight": (whole | {f"{layer}.set_weight": torch.zeros(4)}, "has weights that replace others"),
        "a bias of the up half": (whole | {f"{layer}.lora_B.bias": torch.zeros(WAN.dim)}, "has pairs with a bias"),
        "a backbone": (networks()[0].state_dict(), "is a Wan text-to-video backbone. A LoRA .* is needed here"),
        "unknown names": ({"a.b": torch.zeros(2)}, "an unknown model, whose tensors have names like a.b"),
        "no tensors": ({}, "is an unknown model"),
    }  # fmt: skip


@pytest.mark.parametrize("case", misfits().values(), ids=misfits().keys())
def test_a_file_that_does_not_fit_is_one_sentence_with_its_name(base, tmp_path, case):
    tensors, sentence = case
    path = written(tmp_path / "misfit.safetensors", tensors)
    with pytest.raises(InputError, match=sentence) as refused:
        load_model(base, loras=[Lora(path)])
    assert "misfit.safetensors" in str(refused.value) and "\n" not in str(refused.value)


def test_what_is_no_safetensors_file_is_refused_as_everywhere(base, tmp_path):
    (tmp_path / "page.safetensors").write_text("<!doctype html><title>Sign in</title>")
    for path, words in ((tmp_path / "page.safetensors", "web page"), (tmp_path / "none", "does not exist")):
        with pytest.raises(InputError, match=words):
            load_model(base, loras=[Lora(path)])
