"""The edge of an edit's box: what is regenerated must go over into what is kept."""

from __future__ import annotations

import torch
from torch import Tensor


def edge_jump(edited: Tensor, source: Tensor, boxes: Tensor) -> float:
    """How much larger the step over the box's edge has become than in the source: mean absolute difference in 0..1.

    edited, source: [f h w 3] in 0..1; boxes [f h w], more than 0.5 where pixels are regenerated. 0 for boxes without
    an edge inside the picture.
    """
    inside = boxes > 0.5
    jumps = torch.cat([_jumps(edited - source, inside, axis) for axis in (1, 2)])
    return float(jumps.abs().mean()) if len(jumps) else 0.0


def steps_over_edge(frame: Tensor, inside: Tensor) -> Tensor:
    """Differences between neighbours of which one is inside, [n 3]: frame [h w 3], inside bool [h w]."""
    return torch.cat([_jumps(frame[None], inside[None], axis) for axis in (1, 2)])


def _jumps(change: Tensor, inside: Tensor, axis: int) -> Tensor:
    """Differences of the change [f h w 3] between neighbours of which one is inside, [n 3]."""
    length = change.shape[axis] - 1
    before, after = change.narrow(axis, 0, length), change.narrow(axis, 1, length)
    crossing = inside.narrow(axis, 0, length) != inside.narrow(axis, 1, length)
    return (after - before)[crossing]
