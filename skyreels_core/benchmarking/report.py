"""A finished benchmark: its rows, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ..evaluation.metrics.metric import Figure
from ..version import VERSION
from .folder import CELLS
from .spec import NEXT, OWN, Benchmark
from .table import CellResult, Row, columns_of, verdict
from .words import counted


@dataclass(frozen=True)
class Page:
    """lines: what is left out, and why."""

    benchmark: Benchmark
    rows: Sequence[Row]
    lines: tuple[str, ...]

    @cached_property
    def columns(self) -> list[Figure]:
        return columns_of(self.benchmark, self.rows)

    @property
    def baseline(self) -> str | None:
        """Where it is among the rows."""
        names = [row.setting.name for row in self.rows]
        return self.benchmark.baseline if self.benchmark.baseline in names else None

    @property
    def failed(self) -> list[CellResult]:
        return [one for row in self.rows for one in row.failed]

    @property
    def facts(self) -> list[str]:
        """How it was made, in a few words each."""
        inputs, cells = self.benchmark.inputs, [one for row in self.rows for one in row.cells]
        count = len({one.cell.inputs.number for one in cells})
        seeds = f"{'seed' if len(inputs.seeds) == 1 else 'seeds'} {', '.join(map(str, inputs.seeds))}"
        task = "animation" if self.benchmark.task == "animate" else "dub"
        failed = f", {len(self.failed)} failed" if self.failed else ""
        combined = str(inputs.combine)
        if inputs.voices in (OWN, NEXT):
            whose = "its own voice" if inputs.voices == OWN else "the voice of the next one"
            combined = f"each with {whose}"
        return [
            f"{counted(len(cells), task)}{failed}",
            f"{counted(len(self.rows), 'setting')} x {counted(count, 'combination')} ({combined}) x {seeds}",
            f"specification {self.benchmark.name}, skyreels-audio {VERSION}",
        ]

    @property
    def note(self) -> str:
        """How the table is read."""
        base = (
            f" Δ is the difference from {self.baseline!r} over the same inputs; it is marked where its interval "
            "leaves out 0."
            if self.baseline
            else ""
        )
        return (
            "Means over the combinations of inputs, each with the mean of its seeds, and 95 % bootstrap intervals from "
            f"three combinations on.{base}"
        )

    def contents(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "title": self.benchmark.title,
            "specification": self.benchmark.name,
            "version": VERSION,
            "baseline": self.baseline,
            "facts": self.facts,
            "settings": [self._row(row) for row in self.rows],
            "cells": [_cell(one) for row in self.rows for one in row.cells],
            "lines": list(self.lines),
        }

    def _row(self, row: Row) -> dict[str, Any]:
        differences = {}
        for figure in self.columns:
            if figure.name in row.differences:
                found = row.differences[figure.name]
                differences[figure.name] = {**asdict(found), "verdict": verdict(figure, found)}
        return {
            "name": row.setting.name,
            "options": dict(row.setting.options),
            "model": {name: str(value) for name, value in row.setting.model.items()},
            "cells": len(row.cells),
            "failed": len(row.failed),
            "forwards": row.forwards,
            "seconds": row.seconds,
            "figures": {name: asdict(found) for name, found in row.summaries.items()},
            "differences": differences,
        }


def _cell(one: CellResult) -> dict[str, Any]:
    cell, record = one.cell, one.record
    return {
        "setting": cell.setting.name,
        "inputs": cell.inputs.label,
        "prompt": cell.inputs.prompt,
        "seed": cell.seed,
        "id": record.id,
        "video": None if record.video is None else f"{CELLS}/{record.video}",
        "problem": record.problem or None,
        "frames": record.frames,
        "fps": record.fps,
        "forwards": record.forwards,
        "seconds": record.seconds,
        "figures": dict(one.figures),
        "record": f"{CELLS}/{record.id}.json",
    }
