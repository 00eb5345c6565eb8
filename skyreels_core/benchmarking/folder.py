"""The output folder: a finished cell is there with its record, an unfinished one resumes, nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import InputError
from ..files import atomic

CELLS, INPUTS, MEASURED, PICTURES = "cells", "inputs", "measured", "pictures"
LOCK = ".lock"
INCOMING = ".incoming"  # below the cells, for what a server's files are downloaded to
BEGUN = re.compile(rf"\.[0-9a-f]{{16}}(\.\w+)*|{re.escape(INCOMING)}")
ID_LENGTH = 16  # letters of a digest
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Record:
    """What is known of a cell once it ended. video: its name in the folder of cells; None where it failed, and
    `problem` says why."""

    id: str
    video: str | None = None
    problem: str = ""
    seconds: float = 0.0  # that it took
    frames: int = 0
    fps: float = 0.0
    forwards: int | None = None  # of the network; None where the server did not say
    joins: tuple[int, ...] = ()  # frames at which windows meet
    made_from: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.video is not None


class Folder:
    """Layout: cells/ID.mp4, ID.json (the record), ID.work (the state of an unfinished run)."""

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file; give a folder for the benchmark (--output).")
        self.path = path
        self.cells, self.inputs = path / CELLS, path / INPUTS
        self.measured, self.pictures = path / MEASURED, path / PICTURES

    @contextmanager
    def held(self) -> Iterator[None]:
        """For this process alone. Raises InputError where another one has it."""
        self.cells.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / LOCK, timeout=0):
                self._clear_parts()
                yield
        except Timeout:
            raise InputError(
                f"{self.path} is in use by another benchmark. Wait until it ends, or give another folder (--output)."
            ) from None
        except NotImplementedError as error:  # a file system without locks
            raise InputError(
                f"{self.path} cannot be locked ({error}). Give another folder (--output)."
            ) from error

    def _clear_parts(self) -> None:
        """What a killed run had begun to write; other hidden files are somebody's."""
        folders = (self.path, self.cells, self.pictures, self.inputs, *self.inputs.glob("*/"))
        for part in [part for folder in folders for part in folder.glob(".*") if BEGUN.fullmatch(part.name)]:
            shutil.rmtree(part) if part.is_dir() else part.unlink()

    def video(self, id: str) -> Path:
        return self.cells / f"{id}.mp4"

    def work(self, id: str) -> Path:
        return self.cells / f"{id}.work"

    def record(self, id: str) -> Record | None:
        """None where the cell was never ended, or its video is gone."""
        path = self.cells / f"{id}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            record = Record(**{**kept, "joins": tuple(kept["joins"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return None if record.video is not None and not (self.cells / record.video).is_file() else record

    def keep(self, record: Record) -> Record:
        write_json(self.cells / f"{record.id}.json", asdict(record))
        return record


def write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    write_text(path, f"{text}\n")


def write_text(path: Path, text: str) -> None:
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def id_of(made_from: Mapping[str, Any]) -> str:
    """Another one as soon as anything that a cell is made from has changed."""
    text = json.dumps(made_from, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:ID_LENGTH]


def digest(path: Path | None) -> str | None:
    """Of a file's content. Raises OSError where it cannot be read."""
    if path is None:
        return None
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed: int) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
