"""What computes attention, by the names that diffusers gives its backends: tried against math before it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import InputError, first_words
from .attention import Attention, AttentionKernel, native_attention

AUTO = "auto"  # PyTorch's own choice, which on a data centre GPU is cuDNN first
# tokens of the trial: self-attention, and a short context that fills no block of a kernel
QUERIES, KEYS = 300, (300, 77)
HEADS = 2
# Of the difference from math, relative to its size: kernels in float16 and bfloat16 round to 0.4 %, SageAttention to
# integers of 8 bits; one that is wrong differs by 100 %.
ROUNDING, QUANTISED = 0.02, 0.1
DEFAULT = "or leave --attention out, which is PyTorch's own choice"
FLASH = (
    "FlashAttention is not installed: --attention flash needs the package flash_attn_interface (FlashAttention 3) or "
    f"flash_attn (pip install flash-attn). Install one of them, {DEFAULT}."
)
SAGE = (
    "SageAttention is not installed: --attention sage needs the package sageattention (pip install sageattention). "
    f"Install it, {DEFAULT}."
)


def native(backend: SDPBackend) -> AttentionKernel:
    def kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(backend):
            return native_attention(q, k, v)

    return kernel


def flash() -> AttentionKernel:
    """FlashAttention 3 where it is installed, else FlashAttention 2. Raises InputError without either."""
    function = imported("flash_attn_func", "flash_attn_interface", "flash_attn")
    if function is None:
        raise InputError(FLASH)

    def kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = function(q, k, v)
        return out[0] if isinstance(out, tuple) else out  # early versions of 3 return the log-sum-exp too

    return cast(AttentionKernel, torch.compiler.disable(kernel))


def sage() -> AttentionKernel:
    """Raises InputError where SageAttention is not installed."""
    function = imported("sageattn", "sageattention")
    if function is None:
        raise InputError(SAGE)

    def kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return function(q, k, v, tensor_layout="NHD", is_causal=False)

    return cast(AttentionKernel, torch.compiler.disable(kernel))


KERNELS: dict[str, Callable[[], AttentionKernel]] = {
    "cudnn": lambda: native(SDPBackend.CUDNN_ATTENTION),
    "flash": flash,
    "sage": sage,
    "math": lambda: native(SDPBackend.MATH),
}
NAMES = (AUTO, *KERNELS)
IN_GRAPHS = (AUTO, "cudnn", "math")  # that torch.compile sees through


def imported(function: str, *packages: str) -> Callable[..., Any] | None:
    """Of the first package that is installed."""
    for package in packages:
        try:
            return getattr(import_module(package), function)
        except (ImportError, AttributeError, OSError):  # OSError: built for another PyTorch or CUDA
            continue
    return None


def attention_kernel(
    name: str, head_dim: int, dtype: torch.dtype, device: torch.device
) -> AttentionKernel | None:
    """What computes attention by this name, tried with the model's numbers; None is PyTorch's own choice.

    Raises InputError where it is unknown, not installed, cannot compute with them, or differs from math.
    """
    if name not in NAMES:
        raise InputError(f"The attention {name!r} is unknown; use one of {', '.join(NAMES)}.")
    if name == AUTO:
        return None
    kernel = KERNELS[name]()
    try:
        difference = max(furthest(kernel, keys, head_dim, dtype, device) for keys in KEYS)
    except Exception as error:  # packages refuse in many ways
        numbers = f"{str(dtype).removeprefix('torch.')} on {device}, {head_dim} channels a head"
        raise InputError(
            f"The attention {name!r} cannot compute here ({numbers}: {first_words(error)}). Choose another, {DEFAULT}."
        ) from error
    if not difference <= (QUANTISED if name == "sage" else ROUNDING):
        raise InputError(
            f"The attention {name!r} computes wrong numbers here: it differs from exact attention by "
            f"{difference:.0%}. Update its package, choose another, {DEFAULT}."
        )
    return kernel


@torch.no_grad()
def furthest(
    kernel: AttentionKernel, keys: int, head_dim: int, dtype: torch.dtype, device: torch.device
) -> float:
    """How far the kernel is from math in float32, relative to the size of what math gives."""
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(1, n, HEADS, head_dim, generator=generator) for n in (QUERIES, keys, keys))
    q, k, v = (tensor.to(device, dtype) for tensor in drawn)
    expected = native(SDPBackend.MATH)(q.float(), k.float(), v.float())
    return float((kernel(q, k, v).float() - expected).norm() / expected.norm())


def use_attention(kernel: AttentionKernel | None, *networks: nn.Module | None) -> None:
    """In all attention of the networks."""
    for network in filter(None, networks):
        for module in network.modules():
            if isinstance(module, Attention):
                module.kernel = kernel
