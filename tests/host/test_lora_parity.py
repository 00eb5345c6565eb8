"""Host = core: a LoRA changes a backbone's weights as ComfyUI's Load LoRA does, whatever its layers are called."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from skyreels_core.model.backbone import WanModel
from skyreels_core.model.checkpoint import load_model, save_model
from skyreels_core.model.config import CONFIGS
from skyreels_core.weights.lora import Lora

LAYERS = (
    "blocks.0.self_attn.q",
    "blocks.5.cross_attn.o",
    "blocks.2.ffn.0",
    "time_projection.1",
    "patch_embedding",
)
FORMS = {
    "peft": ("diffusion_model.{}", "lora_B.weight", "lora_A.weight"),
    "down_up": ("diffusion_model.{}", "lora_up.weight", "lora_down.weight"),
    "default": ("diffusion_model.{}", "lora_B.default.weight", "lora_A.default.weight"),
    "kohya": ("lora_unet_{}", "lora_up.weight", "lora_down.weight"),
    "kohya_of_others": ("lora_unet__{}", "lora_up.weight", "lora_down.weight"),
}


@pytest.fixture(scope="module")
def folder(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    (folder / "loras").mkdir()
    torch.manual_seed(0)
    model = WanModel(CONFIGS["demo"])
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    save_model(folder / "model.safetensors", model, None, {}, torch.float32)
    for name, form in FORMS.items():
        save_file(lora(model, *form), folder / "loras" / f"{name}.safetensors")
    save_file(differences(model), folder / "loras" / "differences.safetensors")
    run_in_host("lora_in_host.py", folder)
    return folder


def lora(model, layer, up, down):
    layers = (*LAYERS, "blocks.0.cross_attn.k")  # ComfyUI tells a file of lora_unet__ by that one
    tensors = {}
    for name in layers:
        weight = model.get_submodule(name).weight
        key = layer.format(name.replace(".", "_") if "unet" in layer else name)
        tensors[f"{key}.{up}"] = torch.randn(len(weight), 4, *[1] * (weight.ndim - 2))
        tensors[f"{key}.{down}"] = torch.randn(4, *weight.shape[1:])
        tensors[f"{key}.alpha"] = torch.tensor(2.0)
    return tensors


def differences(model):
    """Of modulations there are none here: the host does not change these."""
    weights = model.state_dict()
    changed = {
        "blocks.0.norm3.diff": "blocks.0.norm3.weight",
        "blocks.1.self_attn.q.diff_b": "blocks.1.self_attn.q.bias",
        "blocks.2.self_attn.norm_k.diff": "blocks.2.self_attn.norm_k.weight",
        "blocks.3.ffn.2.diff": "blocks.3.ffn.2.weight",
        "blocks.4.self_attn.norm_q.w_norm": "blocks.4.self_attn.norm_q.weight",
        "patch_embedding.diff": "patch_embedding.weight",
    }
    return {f"diffusion_model.{key}": torch.randn_like(weights[name]) for key, name in changed.items()}


@pytest.mark.parametrize("name", [*FORMS, "differences"])
def test_the_changed_weights_are_the_hosts(folder, name):
    theirs = load_file(folder / "patched" / f"{name}.safetensors")
    path = folder / "loras" / f"{name}.safetensors"
    ours = load_model(folder / "model.safetensors", loras=[Lora(path, 0.7)])[0].state_dict()
    plain = load_model(folder / "model.safetensors")[0].state_dict()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if (theirs[name] - ours[name]).abs().max() > 1e-5] == []
    assert sum(not torch.equal(ours[weight], plain[weight]) for weight in ours) == 6
