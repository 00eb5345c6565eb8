"""How far the mouth of a drawn face is open, read from pixels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
DARK, LIGHT = 0.22, 0.42  # luma: all mouth, no mouth; skin and lips of drawn faces are lighter than both
ROWS, COLUMNS = (0.14, 0.78), (0.18, 0.82)  # of the lower-face box: hair and shirt may lie in its corners


def mouth_area(frames: Tensor, boxes: Tensor) -> Tensor:
    """Pixels of the mouth's dark inside as a share of the lower-face box, per frame.

    frames: [f h w 3] in 0..1; boxes: the lower face, [f h w], or [1 h w] for all frames -> [f]
    """
    luma = cast(Tensor, sum(weight * frames[..., c] for c, weight in enumerate(LUMA)))
    dark = ((LIGHT - luma) / (LIGHT - DARK)).clamp(0, 1)
    inner = torch.stack([_inner(box) for box in boxes])
    return (dark * inner).flatten(1).sum(1) / (boxes > 0.5).flatten(1).sum(1).clamp_min(1)


def _inner(box: Tensor) -> Tensor:
    """The middle of a box mask [h w], where nothing but skin and mouth lies."""
    inner = torch.zeros_like(box)
    rows, columns = (box > 0.5).any(1).nonzero().flatten(), (box > 0.5).any(0).nonzero().flatten()
    if len(rows):
        inner[_part(rows, ROWS), _part(columns, COLUMNS)] = 1
    return inner


def _part(indices: Tensor, share: tuple[float, float]) -> slice:
    first, length = int(indices[0]), len(indices)
    return slice(first + round(share[0] * length), first + round(share[1] * length))
