"""Weights of a file into a network that they have to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..errors import InputError, first_words

Module = TypeVar("Module", bound=nn.Module)


def built(path: Path, kind: Callable[[Any], Module], config: Callable[[], Any]) -> Module:
    """A network without memory of its own, in the sizes that a file states.

    Raises InputError for sizes that it cannot have, whatever its library says about them.
    """
    try:
        with torch.device("meta"):
            return kind(config())
    except Exception as error:
        raise InputError(
            f"{path} states sizes that no {kind.__name__} has ({first_words(error)}). Fetch it again, or give another."
        ) from error


def fill(module: nn.Module, path: Path, weights: Mapping[str, Tensor]) -> None:
    """Put all weights in their places; `weights` may hold more.

    Raises InputError where one is missing, has another shape, or is no number.
    """
    expected = module.state_dict()
    if missing := [name for name in expected if name not in weights]:
        raise InputError(f"{path} lacks {len(missing)} weights, such as {missing[0]}; fetch it again.")
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            raise InputError(
                f"In {path}, {name} has shape {list(weights[name].shape)}; {list(tensor.shape)} is needed. Fetch it "
                "again, or give another."
            )
        if not torch.isfinite(weights[name]).all():
            raise InputError(f"In {path}, {name} holds NaN or infinity: the file is damaged. Fetch it again.")
    module.load_state_dict({name: weights[name] for name in expected}, assign=True)
