"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic(path: Path, part: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place at the end, and vanishes on any failure.

    What it holds is on the disk before it is renamed: after a power cut there is the old file or the new one.
    `part` is the temporary path, where a run that follows a killed one is to find and replace it.
    """
    part = part or path.with_name(f".{uuid4().hex[:16]}{path.suffix}")
    try:
        yield part
        _flush(part)
        os.replace(part, path)
        _flush_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """So that the new name is on the disk too; not every system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
