"""Weights of a file into a network that they have to fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..errors import InputError, first_words
from .header import FORMAT_NAMES, Header
from .signatures import Shapes, packer

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
            f"{path} states sizes that no {kind.__name__} has ({first_words(error)}). Download it again, or give "
            "another."
        ) from error


def check_shapes(path: Path, expected: Mapping[str, Tensor], shapes: Shapes) -> None:
    """Raises InputError where a weight that is expected is missing or of another shape; there may be more."""
    if missing := [name for name in expected if name not in shapes]:
        raise InputError(
            f"{path} lacks {len(missing)} weights, such as {missing[0]}; download it again, or give another."
        )
    for name, tensor in expected.items():
        if tuple(shapes[name]) != tuple(tensor.shape):
            raise InputError(
                f"In {path}, {name} has shape {list(shapes[name])}; {list(tensor.shape)} is needed. Download it "
                "again, or give another."
            )


def check_formats(header: Header, names: Iterable[str] | None = None) -> None:
    """Raises InputError where weights, or those of these names, are quantised."""
    formats = {header.formats[name] for name in (header.shapes if names is None else names)}
    by = packer(header.shapes)
    if quantised := sorted(formats - FORMAT_NAMES.keys()) if by is None else [by]:
        raise InputError(
            f"{header.path} is quantised ({', '.join(quantised)}); give the float16 or bfloat16 file. In ComfyUI, its "
            "own loader may read this one."
        )


def fill(module: nn.Module, path: Path, weights: Mapping[str, Tensor]) -> None:
    """Put all weights in their places; `weights` may hold more.

    Raises InputError where one is missing, has another shape, or is no number.
    """
    expected = module.state_dict()
    check_shapes(path, expected, {name: tuple(tensor.shape) for name, tensor in weights.items()})
    for name in expected:
        if not torch.isfinite(weights[name]).all():
            raise InputError(
                f"In {path}, {name} holds NaN or infinity: the file is damaged. Download it again, or give another."
            )
    module.load_state_dict({name: weights[name] for name in expected}, assign=True)
