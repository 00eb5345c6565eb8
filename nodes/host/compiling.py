"""What lets the layers of this pack and torch.compile live on one model.

torch.compile keeps what it makes of a function for every model of the process, and ComfyUI's TorchCompileModel drops
the guards on `transformer_options`, where a block's number, its patches and what they read are. So everything of ours
that reads them is left out of compilation, and a model with our layers is marked by something that is guarded:
otherwise it would be taken for a plain one, or a plain one for it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

UNUSED = "maia"  # a kind of device that no host runs on: its autocast is off, and the type changes nothing

uncompiled: Callable = torch.compiler.disable


def uncompiled_itself(function: Callable) -> Callable:
    """Not compiled, while what it calls may be."""
    return torch.compiler.disable(function, recursive=False)


def distinguished_by(mark: torch.dtype) -> Callable:
    """A wrapper around `apply_model` for models of one family, each of which has its own mark."""

    def marked(executor, *args, **kwargs):
        before = torch.get_autocast_dtype(UNUSED)
        torch.set_autocast_dtype(UNUSED, mark)
        try:
            return executor(*args, **kwargs)
        finally:
            torch.set_autocast_dtype(UNUSED, before)

    return marked
