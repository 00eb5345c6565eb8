from __future__ import annotations

import torch
from torch import Tensor

THETA = 1e4


def rope_1d(positions: Tensor, dim: int) -> Tensor:
    """Rotation of each position by `dim / 2` frequencies, angles in float64.

    positions: [... n], any real unit -> complex64 [... n dim/2]
    """
    frequencies = THETA ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = positions.cpu().double()[..., None] * frequencies
    return torch.polar(torch.ones_like(angles), angles).to(torch.complex64)


def rope_3d(t: int, h: int, w: int, dim: int) -> Tensor:
    """Wan's rotation of a grid of tokens: the head is shared out among time, rows and columns.

    -> complex64 [(t h w) dim/2]
    """
    spatial = 2 * (dim // 6)
    axes = [
        rope_1d(torch.arange(t), dim - 2 * spatial)[:, None, None],
        rope_1d(torch.arange(h), spatial)[None, :, None],
        rope_1d(torch.arange(w), spatial)[None, None, :],
    ]
    return torch.cat([axis.expand(t, h, w, -1) for axis in axes], dim=-1).flatten(0, 2)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turn neighbouring pairs of the last axis, in float32.

    x: [... d]; rotation: complex64 that broadcasts with [... d/2] -> [... d] in the dtype of x
    """
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotation).flatten(-2).type_as(x)
