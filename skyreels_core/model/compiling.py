"""Blocks through torch.compile: the same code for every block, so that one is compiled and all use it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import first_words
from .adapter import AudioAdapter
from .attention_kernels import use_attention
from .backbone import WanModel

logger = logging.getLogger(__name__)


def compile_problem(device: torch.device) -> str | None:
    """Why torch.compile cannot be used on a device, found by compiling one line; None where it can."""
    try:
        torch.compile(lambda x: x * x + 1, fullgraph=True)(torch.ones(2, device=device))
    except Exception as error:  # without a compiler, Triton, or headers of Python, each in its own way
        return first_words(error)
    return None


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile can be used on a device; where it cannot, a warning says why."""
    problem = compile_problem(device)
    if problem is not None:
        logger.warning(
            "torch.compile cannot be used here (%s); the model runs uncompiled, which is slower. On a CPU it needs "
            "a C++ compiler such as g++, on a GPU Triton; install it, or leave --compile out.", problem,
        )  # fmt: skip
    return problem is None


def compile_blocks(
    model: WanModel, adapter: AudioAdapter | None, whole_graphs: bool = True, backend: str = "inductor"
) -> None:
    """Compile what each block does before and after its audio layers, and those, when they are first called.

    whole_graphs: raise where anything in them cannot be compiled, instead of leaving it out.
    """
    options: dict[str, Any] = {"fullgraph": whole_graphs, "backend": backend}
    for block in model.blocks:
        for part in ("attend", "feed_forward"):
            setattr(block, part, torch.compile(getattr(block, part), **options))
    layers: Iterable[nn.Module] = () if adapter is None else adapter.blocks
    for layer in layers:
        layer.compile(**options)


def compile_for_training(model: WanModel, adapter: AudioAdapter, device: torch.device) -> None:
    """`compile_blocks` where that is possible. On a CPU attention is compiled too: the backward pass of PyTorch's own
    takes half of a step there."""
    if not can_compile(device):
        return
    if device.type == "cpu":
        use_attention(written_out, model, adapter)
    compile_blocks(model, adapter, whole_graphs=False)


def written_out(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of q, k, v [b n heads c] as torch.compile likes it, with all its weights in memory."""
    weights = torch.einsum("bqhc,bkhc->bhqk", q * q.shape[-1] ** -0.5, k).softmax(-1, dtype=torch.float32)
    return torch.einsum("bhqk,bkhc->bqhc", weights.to(v.dtype), v)
