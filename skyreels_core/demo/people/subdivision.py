"""Catmull-Clark subdivision as one sparse matrix: it is linear, so positions, targets and masks all go through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Matrix = Any  # of scipy.sparse, whose types do not know their own operators


@dataclass(frozen=True, eq=False)
class Subdivision:
    """`matrix` [n v] turns values at the old vertices into values at the new ones: old ones first, then one in each
    edge, then one in each quad. `quads` [4q 4] are the new ones."""

    matrix: Matrix
    quads: np.ndarray


def catmull_clark(count: int, quads: np.ndarray) -> Subdivision:
    """One level for `quads` [q 4] over `count` vertices; borders keep their curve (Catmull and Clark 1978)."""
    edges, side, uses = _edges(quads)
    faces = _average(quads, count)  # [q v]
    middles = _average(edges, count)  # [e v]
    border = uses == 1
    beside = _incidence(side.ravel(), np.repeat(np.arange(len(quads)), 4), (len(edges), len(quads)))
    inner = 0.5 * middles + 0.5 * _rows(1 / uses) @ beside @ faces
    edge_points = _choose(border, middles, inner)
    vertex_points = _vertex_points(count, quads, edges, border, faces, middles)
    matrix = sparse.vstack([vertex_points, edge_points, faces]).tocsr().astype(np.float32)
    return Subdivision(matrix, _split(quads, side + count, np.arange(len(quads)) + count + len(edges)))


def _edges(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges [e 2], that of each side of a quad [q 4], and how many quads use each [e]."""
    sides = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1), axis=-1)
    edges, side, uses = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    return edges, side.reshape(quads.shape), uses


def _vertex_points(
    count: int, quads: np.ndarray, edges: np.ndarray, border: np.ndarray, faces: Matrix,
    middles: Matrix,
) -> Matrix:  # fmt: skip
    of_faces = _incidence(quads.ravel(), np.repeat(np.arange(len(quads)), 4), (count, len(quads)))
    of_edges = _incidence(edges.ravel(), np.repeat(np.arange(len(edges)), 2), (count, len(edges)))
    valence = _sums(of_edges)
    inner = (
        _rows(1 / (valence * _sums(of_faces))) @ of_faces @ faces
        + _rows(2 / valence**2) @ of_edges @ middles
        + _rows((valence - 3) / valence)
    )
    of_border = (of_edges @ _rows(border.astype(float))).tocsr()
    on_border = np.asarray(of_border.sum(1)).ravel() > 0
    along = 0.5 * _rows(1 / _sums(of_border)) @ of_border @ middles + 0.5 * sparse.eye(count)
    return _choose(on_border, along, inner)


def _split(quads: np.ndarray, edge: np.ndarray, centre: np.ndarray) -> np.ndarray:
    corners = [np.stack([quads[:, i], edge[:, i], centre, edge[:, i - 1]], axis=1) for i in range(4)]
    return np.stack(corners, axis=1).reshape(-1, 4)


def _average(groups: np.ndarray, count: int) -> Matrix:
    rows = np.repeat(np.arange(len(groups)), groups.shape[1])
    return _incidence(rows, groups.ravel(), (len(groups), count)) / groups.shape[1]


def _incidence(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Matrix:
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape)


def _rows(scale: np.ndarray) -> Matrix:
    return sparse.diags(scale)


def _choose(where: np.ndarray, yes: Matrix, no: Matrix) -> Matrix:
    return _rows(where.astype(float)) @ yes + _rows((~where).astype(float)) @ no


def _sums(matrix: Matrix) -> np.ndarray:
    return np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)
