"""The conditions of one forward, as the host hands them to the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .unsupported_samplers import GUARD

HOW = ("strength", "timestep_start", "timestep_end", "hooks")  # what says when and how strongly one counts


def model_conds_of(cond: dict[str, Any]) -> dict[str, Any]:
    """The `model_conds` of a condition whose voice is not left out."""
    return {name: value for name, value in cond["model_conds"].items() if name != GUARD}


def same_conds(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> bool:
    """Whether two branches show the network the same."""
    return len(first) == len(second) and all(map(_same, first, second))


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    one, other = (_tensors(cond["model_conds"]) for cond in (first, second))
    if one.keys() != other.keys() or any(first.get(name) != second.get(name) for name in HOW):
        return False
    return all(torch.equal(one[name], other[name].to(one[name])) for name in one)


def _tensors(conds: dict[str, Any]) -> dict[str, Tensor]:
    return {name: value.cond for name, value in conds.items() if isinstance(value.cond, Tensor)}
