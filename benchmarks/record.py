"""Measured figures as JSON files in docs/results, from which docs/results.md is written."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
FIGURES, PICTURES = DOCS / "results", DOCS / "pictures"


def keep_in(folder: Path) -> None:
    """Before measurements are imported: where figures go, and pictures beside them."""
    global FIGURES, PICTURES
    FIGURES, PICTURES = folder, folder / "pictures"


class NotMeasured(Exception):
    """What the measurement needs is not here; says what that is."""


class Record(dict[str, Any]):
    """Figures of one measurement."""

    @classmethod
    def load(cls, name: str) -> Record | None:
        path = FIGURES / f"{name}.json"
        return cls(json.loads(path.read_text())) if path.exists() else None

    def save(self, name: str, seconds: float) -> None:
        FIGURES.mkdir(parents=True, exist_ok=True)
        stamp = {
            "made": time.strftime("%Y-%m-%d"),
            "took_seconds": round(seconds),
            "machine": platform.machine(),
        }
        figures = {key: _plain(value) for key, value in self.items()}
        (FIGURES / f"{name}.json").write_text(json.dumps({**figures, **stamp}, indent=1) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str | bool | int) or value is None:
        return value
    return round(float(value), 6)
