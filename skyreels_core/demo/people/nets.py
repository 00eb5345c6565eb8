"""The surface of a solid on a grid, by surface nets (Gibson 1998): one vertex in each cell that it passes."""

from __future__ import annotations

import numpy as np

# of a cell's 12 edges: the two corners of each, as offsets
EDGES = [(np.array(a), np.array(a) + np.eye(3, dtype=int)[axis])
         for axis in range(3) for a in np.ndindex(2, 2, 2) if a[axis] == 0]  # fmt: skip


def surface_net(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [v 3] in grid units and quads [q 4], facing outwards, of the surface where `values` [i j k] is zero and
    below which it is negative."""
    inside = values < 0
    corner = inside[:-1, :-1, :-1].astype(np.int8)
    count = sum(_shifted(inside, o).astype(np.int8) for o in np.ndindex(2, 2, 2))
    cells = np.argwhere((count > 0) & (count < 8))
    number = np.full(corner.shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    return _crossings(values, cells), _quads(inside, number)


def _shifted(array: np.ndarray, offset: tuple[int, ...]) -> np.ndarray:
    return array[tuple(slice(o, n - 1 + o) for o, n in zip(offset, array.shape, strict=True))]


def _crossings(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The mean of the places where the surface crosses a cell's edges."""
    total, count = np.zeros((len(cells), 3)), np.zeros((len(cells), 1))
    for first, second in EDGES:
        a, b = (values[tuple((cells + o).T)] for o in (first, second))
        crossed = (a < 0) != (b < 0)
        share = np.where(crossed, a / np.where(crossed, a - b, 1), 0)[:, None]
        total += np.where(crossed[:, None], first + share * (second - first), 0)
        count += crossed[:, None]
    return cells + total / count


def _quads(inside: np.ndarray, number: np.ndarray) -> np.ndarray:
    """A quad of the four cells around every crossed edge of the grid, wound by the side on which the solid lies."""
    found = []
    for axis in range(3):
        step = np.eye(3, dtype=int)
        u, v = step[(axis + 1) % 3], step[(axis + 2) % 3]
        low, high = (
            np.take(inside, range(inside.shape[axis] - 1), axis),
            np.take(inside, range(1, inside.shape[axis]), axis),
        )
        edges = np.argwhere(low != high)
        edges = edges[((edges >= u + v) & (edges < np.array(number.shape))).all(1)]
        around = np.stack([number[tuple((edges - o).T)] for o in (u + v, v, 0 * u, u)], axis=1)
        outward = inside[tuple(edges.T)]
        found.append(np.where(outward[:, None], around, around[:, ::-1]))
    return np.concatenate(found)
