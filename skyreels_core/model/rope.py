from __future__ import annotations

import torch
from torch import Tensor

THETA = 1e4


def rope_angles(positions: Tensor, dim: int) -> Tensor:
    """positions: [... n], any real unit -> float64 [... n dim/2], one angle for each pair of the last axis."""
    frequencies = THETA ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    return positions.cpu().double()[..., None] * frequencies


def rope_1d(positions: Tensor, dim: int) -> Tensor:
    """The rotation of each position for `rotate`: cosines, and sines with their signs, of angles made in float64.

    positions: [... n], any real unit -> float32 [... n 2 dim]
    """
    angles = rope_angles(positions, dim)
    cosines, sines = angles.cos(), angles.sin()
    pairs = torch.stack((cosines, cosines), dim=-1), torch.stack((-sines, sines), dim=-1)
    return torch.stack([pair.flatten(-2) for pair in pairs], dim=-2).float()


def rope_3d(t: int, h: int, w: int, dim: int, device: torch.device | str = "cpu") -> Tensor:
    """Wan's rotation of a grid of tokens: the head is shared out among time, rows and columns.

    -> float32 [(t h w) 2 dim]
    """
    spatial = 2 * (dim // 6)
    axes = [
        rope_1d(torch.arange(t), dim - 2 * spatial).to(device)[:, None, None],
        rope_1d(torch.arange(h), spatial).to(device)[None, :, None],
        rope_1d(torch.arange(w), spatial).to(device)[None, None, :],
    ]
    return torch.cat([axis.expand(t, h, w, -1, -1) for axis in axes], dim=-1).flatten(0, 2)


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate neighbouring pairs of the last axis, in float32 and in real numbers, which Inductor compiles.

    x: [... d]; rotation: float32 [... 2 d], whose other axes broadcast with those of x -> [... d] in the dtype of x
    """
    cosines, sines = rotation.unbind(-2)
    swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return torch.addcmul(x * cosines, swapped, sines).type_as(x)
