"""Blocks through torch.compile: the same code for every block, so that one is compiled and all use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ..errors import first_words
from .adapter import AudioAdapter
from .backbone import WanModel


def compile_problem(device: torch.device) -> str | None:
    """Why torch.compile cannot be used on a device, found by compiling one line; None where it can."""
    try:
        torch.compile(lambda x: x * x + 1, fullgraph=True)(torch.ones(2, device=device))
    except Exception as error:  # without a compiler, Triton, or headers of Python, each in its own way
        return first_words(error)
    return None


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
