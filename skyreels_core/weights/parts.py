"""Weights that lie in several files, as trainers save large models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from .header import Header

SHARD = re.compile(r"-(\d{5})-of-(\d{5})(?=\.safetensors$)")
MOST = 1000  # parts; more are a damaged name


def is_part(path: Path) -> bool:
    return SHARD.search(path.name) is not None


def parts_of(path: Path) -> list[Path]:
    """All parts of a file that is named as one of several."""
    shard = SHARD.search(path.name)
    if shard is None or not 1 <= (count := int(shard[2])) <= MOST:
        return [path]
    names = [SHARD.sub(f"-{number:05}-of-{shard[2]}", path.name) for number in range(1, count + 1)]
    if missing := [name for name in names if not (path.parent / name).is_file()]:
        shown = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
        raise InputError(
            f"{path.name} is one of {count} parts, and {shown} {'is' if len(missing) == 1 else 'are'} not "
            f"in its folder. Put all {count} there."
        )
    return [path.parent / name for name in names]


def joined(parts: Sequence[Header]) -> Header:
    return replace(
        parts[0],
        shapes={name: shape for part in parts for name, shape in part.shapes.items()},
        formats={name: form for part in parts for name, form in part.formats.items()},
    )
