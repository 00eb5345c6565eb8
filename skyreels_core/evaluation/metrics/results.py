"""Results that are kept clip by clip: what was measured stays after an interrupted run."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...files import atomic
from .metric import Measured

SAFE = re.compile(r"[^\w.-]+")


class Results(Protocol):
    """Of metrics, by the key of what they were measured on."""

    def get(self, key: str, metric: str) -> Measured | None: ...

    def put(self, key: str, metric: str, measured: Measured) -> None: ...

    def features(self, key: str, metric: str) -> NDArray[np.float32] | None: ...


class InMemoryResults:
    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Measured] = {}

    def get(self, key: str, metric: str) -> Measured | None:
        return self.held.get((key, metric))

    def put(self, key: str, metric: str, measured: Measured) -> None:
        self.held[key, metric] = measured

    def features(self, key: str, metric: str) -> NDArray[np.float32] | None:
        return self.held[key, metric].features


class ResultsFolder:
    """KEY/METRIC.json, with features [n d] beside it in METRIC.npy. A file is whole or not there; what a killed run
    began is replaced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str, metric: str) -> Measured | None:
        """Without features, which are read one clip at a time; None also for a damaged file."""
        try:
            kept = json.loads(self._path(key, metric).read_text(encoding="utf-8"))
            return Measured(dict(kept["figures"]), note=kept["note"], curves=dict(kept["curves"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, metric: str, measured: Measured) -> None:
        path = self._path(key, metric)
        path.parent.mkdir(parents=True, exist_ok=True)
        if measured.features is not None:
            target = path.with_suffix(".npy")
            with atomic(target, _part(target)) as part, part.open("wb") as file:
                np.save(file, measured.features)
        kept = {"figures": dict(measured.figures), "note": measured.note, "curves": dict(measured.curves)}
        with atomic(path, _part(path)) as part:
            part.write_text(json.dumps(kept), encoding="utf-8")

    def features(self, key: str, metric: str) -> NDArray[np.float32] | None:
        path = self._path(key, metric).with_suffix(".npy")
        return np.load(path, allow_pickle=False) if path.is_file() else None

    def _path(self, key: str, metric: str) -> Path:
        return self.folder / key / f"{metric}.json"


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def key_of(name: str, *parts: str) -> str:
    """A folder's name for a clip: readable, and another one as soon as one of the parts has changed."""
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{SAFE.sub('_', name)[:60]}-{digest[:12]}"


def stamp(path: Path | None) -> str:
    """Which file this is, as far as its place, size and time tell."""
    if path is None:
        return "none"
    state = path.stat()
    return f"{path.absolute()}:{state.st_size}:{state.st_mtime_ns}"
