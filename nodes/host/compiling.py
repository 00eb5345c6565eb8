"""What lets the layers of this pack and torch.compile live on one model.

torch.compile keeps what it makes of a function for every model of the process, and ComfyUI's TorchCompileModel drops
the guards on `transformer_options`, where a block's number, its patches and what they read are. So everything of ours
that reads them is left out of compilation, and a model with our layers is marked by something that is guarded:
otherwise it would be taken for a plain one, or a plain one for it. Each family gets a mark of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

UNUSED = "maia"  # a kind of device that no host runs on: its autocast is off, and the type changes nothing

# bfloat16 is what a model without a mark has
MARKS = iter((
    torch.float32, torch.float64, torch.float16, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8,
    torch.float8_e5m2, torch.float8_e4m3fn, torch.complex64, torch.complex128, torch.bool,
))  # fmt: skip

uncompiled: Callable = torch.compiler.disable


def uncompiled_itself(function: Callable) -> Callable:
    """Not compiled, while what it calls may be."""
    return torch.compiler.disable(function, recursive=False)


@cache
def mark_of(family: str) -> torch.dtype:
    """A family's own mark, by its key, as long as the process lives."""
    return next(MARKS)


def distinguished_as(family: str) -> Callable:
    """A wrapper around `apply_model` for the models of one family, by its key."""
    mark = mark_of(family)

    def marked(executor, *args, **kwargs):
        before = torch.get_autocast_dtype(UNUSED)
        torch.set_autocast_dtype(UNUSED, mark)
        try:
            return executor(*args, **kwargs)
        finally:
            torch.set_autocast_dtype(UNUSED, before)

    return marked
