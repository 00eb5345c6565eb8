"""Soft-edged shapes on a pixel grid: what the drawn faces are painted with."""

from __future__ import annotations

import torch
from torch import Tensor

SOFTNESS = 1.4  # pixels over which an edge fades


class Canvas:
    """Frames painted back to front.

    Coordinates run from -1 to 1 over the height, y down. Shape parameters are floats or per-frame tensors [f 1 1].
    """

    def __init__(self, frames: int, size: int):
        self.pixel = 2 / size
        axis = (torch.arange(size) + 0.5) * self.pixel - 1
        self.y, self.x = (g.expand(frames, size, size) for g in torch.meshgrid(axis, axis, indexing="ij"))
        self.image = torch.zeros(frames, size, size, 3)

    def posed(self, dx: Tensor, dy: Tensor, roll: Tensor, zoom: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates in a frame moved by (dx, dy), rotated by roll (radians) and magnified by zoom, each [f 1 1]."""
        x, y = (self.x - dx) / zoom, (self.y - dy) / zoom
        cos, sin = torch.cos(roll), torch.sin(roll)
        return x * cos + y * sin, y * cos - x * sin

    def cover(self, distance: Tensor, softness: float = SOFTNESS) -> Tensor:
        """Coverage 0..1 of a shape from its signed distance (negative inside)."""
        return (0.5 - distance / (softness * self.pixel)).clamp(0, 1)

    def paint(self, coverage: Tensor, colour: Tensor) -> None:
        """Blend `colour` [3] or [f h w 3] in by `coverage` [f h w]."""
        self.image += coverage[..., None] * (colour - self.image)


def ellipse(x: Tensor, y: Tensor, cx, cy, rx, ry) -> Tensor:
    """Approximate signed distance to an ellipse with half-axes rx, ry."""
    px, py = (x - cx) / rx, (y - cy) / ry
    length = (px.square() + py.square()).clamp_min(1e-8).sqrt()
    gradient = ((px / rx).square() + (py / ry).square()).clamp_min(1e-8).sqrt() / length
    return (length - 1) / gradient


def capsule(x: Tensor, y: Tensor, ax, ay, bx, by, radius) -> Tensor:
    """Signed distance to the segment a-b with the given radius."""
    vx, vy = bx - ax, by - ay
    along = (((x - ax) * vx + (y - ay) * vy) / (vx * vx + vy * vy)).clamp(0, 1)
    return ((x - ax - along * vx).square() + (y - ay - along * vy).square()).clamp_min(1e-12).sqrt() - radius


def box(x: Tensor, y: Tensor, cx, cy, rx, ry, radius) -> Tensor:
    """Signed distance to a rectangle with rounded corners."""
    qx, qy = (x - cx).abs() - (rx - radius), (y - cy).abs() - (ry - radius)
    outside = (qx.clamp_min(0).square() + qy.clamp_min(0).square()).clamp_min(1e-12).sqrt()
    return outside + torch.maximum(qx, qy).clamp_max(0) - radius
