"""Distances to the base head on a grid: hair is described as a solid in it, and light is blocked by it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from .head import SKIN, Head

LOW, HIGH = np.array([-1.6, 4.7, -1.5]), np.array([1.6, 9.5, 2.1])  # dm, the box around head and shoulders
STEP = 0.05  # dm
FAR = 0.12  # dm: beyond it the distance to the nearest vertex is near enough


@dataclass(frozen=True, eq=False)
class Field:
    """All arrays are [i j k ...] over the grid's points; lengths in dm, base coordinates."""

    points: np.ndarray  # [... 3]
    distance: np.ndarray  # to the skin without ears, negative inside
    foot: np.ndarray  # [... 3] the nearest place on the skin


@functools.lru_cache(maxsize=2)
def scalp_field(head: Head) -> Field:
    """About two seconds, once a process. The head is symmetric: one half is computed."""
    scalp = outer_skin(head)
    tree, normals = KDTree(head.base[scalp]), head.normals(head.base)[scalp]
    axes = [np.arange(low, high + STEP / 2, STEP) for low, high in zip(LOW, HIGH, strict=True)]
    half = np.stack(np.meshgrid(axes[0][len(axes[0]) // 2 :], *axes[1:], indexing="ij"), -1).astype(
        np.float32
    )
    near, index = tree.query(half.reshape(-1, 3), k=3)
    weights = (1 / (near + 0.02))[..., None]
    weights /= weights.sum(1, keepdims=True)
    away = half.reshape(-1, 1, 3) - head.base[scalp][index]
    plane = ((away * normals[index]).sum(-1) * weights[..., 0]).sum(1)
    outside = (near[:, 0] > FAR) & (plane > -0.3)
    distance = np.where(outside, np.maximum(plane, 0.98 * near[:, 0] * np.where(plane < -0.02, -1, 1)), plane)
    foot = (head.base[scalp][index] * weights).sum(1)
    shape = half.shape[:3]
    whole = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
    mirrored = foot.reshape(*shape, 3)[:0:-1] * np.array([-1, 1, 1])
    both = distance.reshape(shape)
    return Field(
        whole,
        np.concatenate([both[:0:-1], both]).astype(np.float32),
        np.concatenate([mirrored, foot.reshape(*shape, 3)]).astype(np.float32),
    )


def outer_skin(head: Head) -> np.ndarray:
    """Vertices of the skin without ears and without the inside of the mouth."""
    x, y, z = head.base.T
    ears = (np.abs(x) > 0.66) & (y > 6.75) & (y < 7.6) & (z < 0.75)
    return np.flatnonzero((head.part == SKIN) & (head.cavity < 0.02) & ~ears)


def sample(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Linear interpolation of a grid [i j k] at points [m 3]; beyond it the border continues."""
    return map_coordinates(grid, ((points - LOW) / STEP).T, order=1, mode="nearest")


def openness(solid: np.ndarray, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How much of the sky each point sees, [m] in 0..1, from few samples of the distance along its normal."""
    hidden = np.zeros(len(points))
    for reach, weight in ((0.08, 0.3), (0.18, 0.35), (0.36, 0.35)):
        hidden += weight * (1 - sample(solid, points + normals * reach) / reach).clip(0, 1)
    return (1 - hidden).clip(0, 1).astype(np.float32)


def lit_by(solid: np.ndarray, points: np.ndarray, normals: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """How much of a key light in `direction` reaches each point, [m] in 0..1, with soft edges."""
    lit = np.ones(len(points))
    for reach in np.geomspace(0.12, 1.5, 9):
        clear = sample(solid, points + normals * 0.05 + direction * reach)
        lit = np.minimum(lit, 0.5 + clear / (0.30 * reach + 0.04))
    return lit.clip(0, 1).astype(np.float32)
