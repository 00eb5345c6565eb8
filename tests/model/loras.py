"""LoRA files for the backbone of `networks`."""

from __future__ import annotations

import torch
from networks import WAN, networks
from safetensors.torch import save_file

RANK = 3
LAYERS = (
    "blocks.0.self_attn.q", "blocks.1.self_attn.o", "blocks.2.cross_attn.v", "blocks.2.ffn.0", "blocks.0.ffn.2",
    "time_embedding.2", "text_embedding.0", "time_projection.1", "head.head", "patch_embedding",
)  # fmt: skip


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pairs(seed=0):
    """Layer to up and down, each of the size of its weight."""
    weights = networks()[0].state_dict()
    made = {}
    for number, layer in enumerate(LAYERS):
        weight = weights[f"{layer}.weight"]
        down = normal(RANK, *weight.shape[1:], seed=100 * seed + number) / weight[0].numel() ** 0.5
        up = 0.1 * normal(len(weight), RANK, *[1] * (weight.ndim - 2), seed=100 * seed + number + 50)
        made[layer] = up, down
    return made


def written(path, tensors, **metadata):
    save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, path, metadata or None)
    return path


def kohya(name):
    return "lora_unet_" + name.replace(".", "_")


def in_form(made, prefix="diffusion_model."):
    return {
        f"{prefix}{name}.lora_{half}.weight": tensor
        for name, halves in made.items()
        for half, tensor in zip(("up", "down"), halves, strict=True)
    }


def i2v_lora():
    names = {
        "blocks.0.cross_attn.k_img": WAN.dim,
        "blocks.0.cross_attn.v_img": WAN.dim,
        "img_emb.proj.1": 1280,
    }
    halves = {name: (normal(size, RANK), normal(RANK, size)) for name, size in names.items()}
    return in_form(halves) | {"diffusion_model.blocks.0.cross_attn.norm_k_img.diff": normal(WAN.dim)}
