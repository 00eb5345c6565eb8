"""What is asked of every picture and video file."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

MINIMUM_SIDE = 16  # pixels


def existing_file(path: str | Path, what: str) -> Path:
    """Raises InputError for a folder, where nothing is, and for a pipe or a device, which would never end."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give the {what} file itself.")
    if not path.is_file():
        state = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"{path} {state}. Give the path of a {what} file.")
    return path


def check_side(path: str | Path, width: int, height: int) -> None:
    if min(width, height) < MINIMUM_SIDE:
        raise InputError(f"{path} is {width}x{height} pixels: at least {MINIMUM_SIDE} a side are needed.")
