"""The subdivided head that all people share: its parts, masks and facial shapes."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from .data import SHAPES, WEIGHTS, BaseMesh, find_data, read_mesh, read_target, sample_texture
from .subdivision import Matrix, catmull_clark

SKIN, EYE, UPPER_TEETH, LOWER_TEETH, TONGUE, LASH = range(6)
LOWEST = 4.4  # dm: what of the body is kept, down to the chest
GROUPS = {
    "body": SKIN, "helper-l-eye": EYE, "helper-r-eye": EYE, "helper-upper-teeth": UPPER_TEETH,
    "helper-lower-teeth": LOWER_TEETH, "helper-tongue": TONGUE,
    "helper-l-eyelashes-2": LASH, "helper-r-eyelashes-2": LASH,  # the upper ones; the lower ones look like bags
}  # fmt: skip
NECK_BONES = {"neck01": 0.25, "neck02": 0.5, "neck03": 0.8}  # how far each turns with the head
BODY_BONES = re.compile(
    "root|pelvis|spine|clavicle|shoulder|upperarm|lowerarm|wrist|finger|metacarpal|breast|.*leg|foot|toe|thigh"
)
EAR_ROOT = 0.70  # dm: what of the head's side is wider is ear
MASKS = {"cavity": "inside-mouth", "lips": "lips", "lids": "eyelids"}  # textures
PIVOT = np.array([0, 6.2, 0.2], np.float32)  # dm: where the head turns on the neck


@dataclass(frozen=True, eq=False)
class Head:
    """n vertices after one subdivision; all masks are in 0..1."""

    root: Path  # of the data
    used: np.ndarray  # [u] vertices of MakeHuman's mesh that are kept
    count: int  # vertices of MakeHuman's mesh
    matrix: Matrix  # [n u]
    base: np.ndarray  # [n 3] dm, the mean head: coordinates in which paint and hair are described
    triangles: np.ndarray  # [t 3]
    part: np.ndarray  # [n] SKIN .. LASH
    turning: np.ndarray  # [n] 1: turns with the head, 0: stays with the shoulders
    cavity: np.ndarray  # [n] the inside of the mouth
    lips: np.ndarray  # [n]
    lids: np.ndarray  # [n]
    neighbours: Matrix  # [n n] rows sum to 1
    incidence: Matrix  # [n t] which triangles meet in a vertex
    shapes: dict[str, int]  # name of each facial shape -> row of `offsets`
    moving: np.ndarray  # [m] vertices that any shape moves
    offsets: np.ndarray  # [52 3m] dm

    def row(self, vertices: np.ndarray) -> np.ndarray:
        """Rows of vertices of MakeHuman's mesh."""
        return np.searchsorted(self.used, vertices)

    def subdivide(self, values: np.ndarray) -> np.ndarray:
        """[v ...] at MakeHuman's vertices to [n ...]."""
        return self.matrix @ values[self.used]

    def normals(self, positions: np.ndarray) -> np.ndarray:
        """Unit normals [n 3] of positions [n 3]."""
        a, b, c = (positions[self.triangles[:, i]] for i in range(3))
        return unit(self.incidence @ np.cross(b - a, c - a))

    def faces_of(self, *parts: int) -> np.ndarray:
        """Triangles of these parts."""
        return self.triangles[np.isin(self.part[self.triangles[:, 0]], parts)]


def ear_width(head: Head) -> np.ndarray:
    """How far the ears stand out sideways, [n] dm; zero elsewhere."""
    x, y, z = head.base.T
    ears = (head.part == SKIN) & (y > 6.75) & (y < 7.6) & (z > 0.0) & (z < 0.75)
    return np.where(ears, np.sign(x) * (np.abs(x) - EAR_ROOT).clip(0), 0)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


@functools.lru_cache(maxsize=2)
def load_head(folder: str | Path | None = None) -> Head:
    """Read and subdivide the head; about a second, once a process."""
    root = find_data(folder)
    mesh = read_mesh(root)
    used, quads, part = _kept(mesh)
    division = catmull_clark(len(used), quads)
    matrix, quads = division.matrix, division.quads
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    shapes = sorted((root / SHAPES).glob("*.target"))
    moving, offsets = _offsets(shapes, len(mesh.vertices), used, part == EYE, matrix)
    masks = {name: matrix @ _mask(root, mesh, file)[used] for name, file in MASKS.items()}
    return Head(
        root=root,
        used=used,
        count=len(mesh.vertices),
        matrix=matrix,
        base=matrix @ mesh.vertices[used],
        triangles=triangles,
        part=np.round(matrix @ part).astype(int),
        turning=matrix @ _turning(root, mesh)[used],
        **masks,
        neighbours=neighbours(quads, matrix.shape[0]),
        incidence=_incidence(triangles, matrix.shape[0]),
        shapes={path.stem: row for row, path in enumerate(shapes)},
        moving=moving,
        offsets=offsets,
    )


def _kept(mesh: BaseMesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The vertices [u] of head and shoulders, the quads [q 4] over them, and the part of each vertex [u]."""
    part_of_quad = np.array([GROUPS.get(str(name), -1) for name in mesh.groups])
    keep = (part_of_quad >= 0) & (mesh.vertices[mesh.quads][..., 1].min(1) > LOWEST)
    used, quads = np.unique(mesh.quads[keep], return_inverse=True)
    quads = quads.reshape(-1, 4)
    part = np.zeros(len(used), np.float32)
    part[quads] = part_of_quad[keep][:, None]
    return used, quads, part


def _mask(root: Path, mesh: BaseMesh, name: str) -> np.ndarray:
    """One of MakeHuman's masks at each vertex [v], of the body only."""
    body = np.zeros(len(mesh.vertices), bool)
    body[mesh.quads[mesh.groups == "body"]] = True
    return np.where(body, sample_texture(root, f"mpfb_{name}.jpg", mesh.uv), 0)


def _turning(root: Path, mesh: BaseMesh) -> np.ndarray:
    bones = json.loads((root / WEIGHTS).read_text(encoding="utf-8"))
    turning, total = np.zeros((2, len(mesh.vertices)), np.float32)
    for bone, pairs in bones["weights"].items():
        vertex, weight = np.array(pairs).reshape(-1, 2).T
        share = 0.0 if BODY_BONES.match(bone) else NECK_BONES.get(bone, 1.0)
        np.add.at(turning, vertex.astype(int), share * weight)
        np.add.at(total, vertex.astype(int), weight)
    return turning / np.maximum(total, 1e-6)


def _offsets(
    paths: list[Path], count: int, used: np.ndarray, eyes: np.ndarray, matrix: Matrix
) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.stack([read_target(path, count)[used] for path in paths])
    offsets[:, eyes] = 0  # the gaze is painted on the eyeballs
    fine = np.stack([matrix @ offset for offset in offsets]).astype(np.float32)
    moving = np.flatnonzero(np.abs(fine).max(axis=(0, 2)) > 0)
    return moving, np.ascontiguousarray(fine[:, moving].reshape(len(paths), -1))


def neighbours(faces: np.ndarray, count: int) -> Matrix:
    """The mean over the neighbours along edges as a matrix, for faces [f k] of any number of corners."""
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    rows, columns = np.concatenate([ends, ends[:, ::-1]]).T
    links = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (count, count))
    links.data[:] = 1
    mean: Matrix = sparse.diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links
    return mean.tocsr().astype(np.float32)


def _incidence(triangles: np.ndarray, count: int) -> Matrix:
    rows, columns = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (count, len(triangles)))
