"""Hair as a solid around the base head, cut out of the distance field and fitted to each person's scalp."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from .easing import smooth_step
from .field import LOW, STEP, Field, outer_skin, sample, scalp_field
from .hairline import Hairline
from .head import Head, neighbours, unit
from .nets import surface_net
from .styles import STYLES, Around

HIDDEN = -0.03  # dm: hair deeper than this under the skin is cut away, or it would show in an open mouth
LOOSE = 6.3  # dm: below, hair only hangs, and what touches the neck is cut away too
SMOOTHING = (0.6, -0.5, 0.6, -0.5, 0.6)  # Taubin's alternating steps: smooth without shrinking
NEAREST, NEAR = 8, 0.08  # scalp vertices that a hair vertex follows; dm that soften their weights


@dataclass(frozen=True, eq=False)
class Hair:
    """A mesh in base coordinates."""

    positions: np.ndarray  # [m 3] dm
    triangles: np.ndarray  # [t 3]
    above: np.ndarray  # [m] dm above the hairline
    turning: np.ndarray  # [m] 1: turns with the head
    solid: np.ndarray  # [i j k] distance to head and hair, for shadows
    follow: tuple[np.ndarray, np.ndarray]  # scalp vertices [m 8] and their weights [m 8]
    smoother: object  # csr [m m]

    def fitted(self, head: Head, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and normals [m 3] on a person's resting mesh [n 3]."""
        index, weights = self.follow
        moved = ((rest - head.base)[index] * weights[..., None]).sum(1)
        for _ in range(6):
            moved = self.smoother @ moved
        positions = (self.positions + moved).astype(np.float32)
        return positions, self.smoother @ mesh_normals(positions, self.triangles)


@functools.lru_cache(maxsize=32)
def make_hair(head: Head, style: str, line: Hairline, seed: int = 0) -> Hair | None:
    """The hair of a style, None for none. Half a second each; people may share one."""
    field = scalp_field(head)
    volume = STYLES[style].volume
    if volume is None:
        return None
    around = Around(field, line, seed)
    values = volume(around)
    vertices, quads = surface_net(values)
    positions = LOW + STEP * vertices
    link = neighbours(quads, len(positions))
    for step in SMOOTHING:
        positions = positions + step * (link @ positions - positions)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    positions, triangles = _visible(field, positions, triangles)
    link = neighbours(triangles, len(positions))
    solid = np.minimum(field.distance, values)
    turning = 0.25 + 0.75 * smooth_step(5.7, 6.6, positions[:, 1])
    return Hair(
        positions.astype(np.float32), triangles.astype(np.int32), _above(field, line, positions), turning, solid,
        _followed(head, positions), link,
    )  # fmt: skip


def mesh_normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    faces, total = np.cross(b - a, c - a), np.zeros_like(positions)
    for i in range(3):
        np.add.at(total, triangles[:, i], faces)
    return unit(total)


def _visible(field: Field, positions: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without what lies under the skin and without small crumbs."""
    least = np.where(positions[:, 1] > LOOSE, HIDDEN, -HIDDEN)
    shown = sample(field.distance, positions) > least
    triangles = triangles[shown[triangles].any(1)]
    _, piece = connected_components(neighbours(triangles, len(positions)), directed=False)
    sizes = np.bincount(piece)
    triangles = triangles[sizes[piece[triangles[:, 0]]] > 0.02 * len(positions)]
    used, renumbered = np.unique(triangles, return_inverse=True)
    return positions[used], renumbered.reshape(-1, 3)


def _above(field: Field, line: Hairline, positions: np.ndarray) -> np.ndarray:
    """dm above the hairline; hair that hangs clear of the forehead counts as far above."""
    foot = np.stack([sample(field.foot[..., axis], positions) for axis in range(3)], axis=-1)
    clear = smooth_step(0.12, 0.22, sample(field.distance, positions))
    hanging = clear + smooth_step(7.35, 7.1, foot[:, 1]) + smooth_step(1.05, 0.85, foot[:, 2])
    return np.maximum(line.above(foot), hanging - 0.2).astype(np.float32)


def _followed(head: Head, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scalp = outer_skin(head)
    distance, index = KDTree(head.base[scalp]).query(positions, k=NEAREST)
    weights = 1 / (distance + NEAR) ** 2
    return scalp[index], (weights / weights.sum(1, keepdims=True)).astype(np.float32)
