"""What the 52 shapes cannot do: lips that seal exactly on any face, a narrow mouth, and a round one."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from .easing import smooth_step
from .head import SKIN, Head

UPPER_ROW = (433, 470, 472, 474, 7228, 7226, 7193)  # MakeHuman's vertices along the inner lips, right to left
LOWER_ROW = (444, 518, 517, 523, 7264, 7265, 7204)
SEAM_Y = 6.6045  # dm, base coordinates: where the lips meet in the middle
COLUMNS = np.linspace(-0.24, 0.24, 17)  # dm, x in base coordinates
LEAST_REACH = 0.35  # of a round mouth's height, that it opens above and below its corners
OVERLAP = 0.006  # dm: sealed lips press into each other


@dataclass(frozen=True, eq=False)
class Mouth:
    """`near` [k] are the vertices that correctives move; other arrays are per such vertex."""

    near: np.ndarray
    x: np.ndarray  # base coordinates
    is_upper: np.ndarray
    fade: np.ndarray  # 1 at the seam, 0 away from it
    columns: tuple[tuple[np.ndarray, np.ndarray], ...]  # of lip vertices: upper and lower ones in each column
    narrow: np.ndarray  # how much each is drawn to the middle

    def gaps(self, positions: np.ndarray) -> np.ndarray:
        """How far the lips are apart in each column, dm; negative where they overlap."""
        upper, lower = self._edges(positions)
        return upper - lower

    def seal(self, positions: np.ndarray, strength: float) -> None:
        """Close the gap by `strength` (1: entirely), half of it from either side, in place."""
        closing = strength * 0.5 * (np.interp(self.x, COLUMNS, self.gaps(positions)) + OVERLAP) * self.fade
        positions[self.near, 1] += np.where(self.is_upper, -closing, closing)

    def make_narrow(self, positions: np.ndarray, strength: float) -> None:
        """Pull the mouth together sideways and a little forward, in place."""
        positions[self.near, 0] *= 1 - 0.42 * strength * self.narrow
        positions[self.near, 2] += 0.05 * strength * self.narrow

    def make_round(self, positions: np.ndarray, strength: float) -> None:
        """Bring the opening nearer to an ellipse, in place: the shapes alone leave it heart-shaped."""
        upper, lower = self._edges(positions)
        top, bottom = upper[len(COLUMNS) // 2], lower[len(COLUMNS) // 2]
        if top <= bottom:
            return
        corners = (upper[1] + lower[1] + upper[-2] + lower[-2]) / 4
        least = LEAST_REACH * (top - bottom)
        half = np.sqrt((1 - (COLUMNS / COLUMNS[-1]) ** 2).clip(0))
        rise = corners + max(top - corners, least) * half - upper
        fall = corners - max(corners - bottom, least) * half - lower
        moves = (np.interp(self.x, COLUMNS, strength * move) for move in (rise, fall))
        positions[self.near, 1] += np.where(self.is_upper, *moves) * self.fade

    def _edges(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How low the upper lip and how high the lower lip reaches in each column, dm."""
        y = positions[self.near, 1]
        upper, lower = zip(*self.columns, strict=True)
        return np.array([y[rows].min() for rows in upper]), np.array([y[rows].max() for rows in lower])


@functools.lru_cache(maxsize=2)
def mouth_of(head: Head) -> Mouth:
    x, y, z = head.base.T
    skin = head.part == SKIN
    near = np.flatnonzero(skin & (z > 1.1) & (np.abs(x) < 0.75) & (np.abs(y - 6.6) < 0.45))
    x, y, z = head.base[near].T
    is_upper = _is_upper(head)[near]
    sides = smooth_step(0.285, 0.235, np.abs(x)) * (z > 1.3)
    fade = np.exp(-(((y - SEAM_Y - 0.16 * x**2) / 0.085) ** 2)) * sides
    narrow = np.exp(-((x / 0.36) ** 2) - ((y - 6.6) / 0.17) ** 2)
    visible = np.interp(np.abs(x), [0, 0.1, 0.16, 0.2, 0.24], [1.52, 1.505, 1.465, 1.43, 1.39])
    lip = (head.lips[near] > 0.3) & (head.cavity[near] < 0.02) & (z > visible)
    column = np.digitize(x, (COLUMNS[1:] + COLUMNS[:-1]) / 2)
    members = [lip & (column == c) for c in range(len(COLUMNS))]
    pairs = tuple((np.flatnonzero(m & is_upper), np.flatnonzero(m & ~is_upper)) for m in members)
    return Mouth(near, x, is_upper, fade.astype(np.float32), pairs, narrow.astype(np.float32))


def _is_upper(head: Head) -> np.ndarray:
    """[n] whether a vertex hangs on the upper lip: the nearer row of lip vertices along the edges decides."""
    weights = head.neighbours.tocoo()
    length = np.linalg.norm(head.base[weights.row] - head.base[weights.col], axis=1)
    graph = sparse.csr_matrix((length, (weights.row, weights.col)), weights.shape)
    rows = (head.row(np.array(row)) for row in (UPPER_ROW, LOWER_ROW))
    upper, lower = (dijkstra(graph, indices=row, min_only=True, limit=2.0) for row in rows)
    return upper < lower
