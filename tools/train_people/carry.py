"""What a bare machine needs to render takes, in one small folder: their speech and the mesh's files that they use."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from skyreels_core.demo.people.data import MESH, SHAPES, TARGETS, TEXTURES, WEIGHTS, find_data
from skyreels_core.demo.people.identity import Identity

MASKS = ("mpfb_inside-mouth.jpg", "mpfb_lips.jpg", "mpfb_eyelids.jpg")


def carry_data(folder: Path, numbers: Iterable[int], data: Path | None = None) -> int:
    """Copy the files that these takes read into `folder`; returns their size in bytes."""
    root = find_data(data)
    targets = {name for number in numbers for name in Identity.draw(number).build.targets()}
    used = [MESH, WEIGHTS, *(f"{TEXTURES}/{name}" for name in MASKS)]
    used += [f"{TARGETS}/{name}.target.gz" for name in sorted(targets)]
    used += [str(path.relative_to(root)) for path in sorted((root / SHAPES).glob("*.target"))]
    for name in used:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    return sum((folder / name).stat().st_size for name in used)
