"""What the host computes a model's forwards with, and what it can be told to use instead."""

from __future__ import annotations

from typing import Any

import comfy.ldm.modules.attention
import torch

from ...skyreels_core.sampling.finite import ComputeInfo

PYTORCH = "PyTorch's attention"
NAMES = {
    "attention_pytorch": PYTORCH,
    "attention_sage": "SageAttention",
    "attention3_sage": "SageAttention 3",
    "attention_flash": "FlashAttention",
    "attention_xformers": "xFormers' attention",
    "attention_sub_quad": "sub-quadratic attention",
    "attention_split": "split attention",
    "attention_comfy_kitchen_int8": "int8 attention",
}


def arithmetic_of(model, transformer_options: dict[str, Any]) -> ComputeInfo:
    """Of a `comfy.model_base.BaseModel`, with the options of a run."""
    patched = "optimized_attention_override" in transformer_options
    attention = "attention replaced by a node" if patched else attention_name()
    weights, computed = model.get_dtype(), model.get_dtype_inference()
    precision = name(computed) if weights == computed else f"{name(weights)} weights and {name(computed)}"
    return ComputeInfo(f"{precision} with {attention}", remedy(weights, computed, attention, patched))


def attention_name() -> str:
    function = comfy.ldm.modules.attention.optimized_attention.__name__
    return NAMES.get(function, function)


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def remedy(weights: torch.dtype, computed: torch.dtype, attention: str, patched: bool) -> str:
    ways = []
    if patched:
        ways.append("remove the node that replaces the attention")
    elif attention != PYTORCH:
        ways.append("start ComfyUI with --use-pytorch-cross-attention")
    if weights.itemsize < 2:
        ways.append("load the model in bf16")
    if computed == torch.float16:
        ways.append("start ComfyUI with --bf16-unet")
    elif computed != torch.float32:
        ways.append("start ComfyUI with --fp32-unet")
    sentence = ", or ".join([*ways, "remove LoRAs and download the model again"])
    return f"{sentence[0].upper()}{sentence[1:]}."
