"""A whole benchmark: every cell that is not there yet, then its measures, then the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..api.evaluation import ClipFiles
from ..errors import InputError, naming, sentence
from ..evaluation.metrics.evaluate import evaluate
from ..evaluation.metrics.registry import Chosen
from ..evaluation.metrics.report import Report
from ..evaluation.metrics.results import ResultsFolder
from ..evaluation.metrics.summary import Summary
from ..evaluation.metrics.weights import Weights
from ..pipeline.run import Progress
from ..run.plan import RunPlan
from .cells import Cell, cells_of
from .folder import Folder, Record, id_of
from .local import Ended, LocalCells
from .material import Material
from .measures import CellSource, check_columns, choose
from .pages import write
from .report import Page
from .server import ServerCells
from .spec import Benchmark, Setting
from .table import CellResult, Row, compared, reasons, row_of

logger = logging.getLogger(__name__)

SHOWN = 10  # lines about what is left out; the page has them all


@dataclass(frozen=True)
class Choice:
    """only: names of settings; none: all. limit: combinations of each."""

    only: tuple[str, ...] = ()
    limit: int | None = None

    def settings(self, benchmark: Benchmark) -> list[Setting]:
        """Raises InputError for a name that no setting has."""
        names = [setting.name for setting in benchmark.settings]
        if unknown := [name for name in self.only if name not in names]:
            raise InputError(
                f"There is no setting {unknown[0]!r}. Choose from {', '.join(map(repr, names))}."
            )
        return [setting for setting in benchmark.settings if not self.only or setting.name in self.only]


class Maker(Protocol):
    """Generates cells: a model on this machine, or a server."""

    def made_from(self, cell: Cell) -> dict[str, Any]: ...

    def plan(self, cell: Cell) -> RunPlan | None: ...

    def make(
        self, cells: Iterator[tuple[Cell, Record]], folder: Folder, ended: Ended, progress: Progress
    ) -> None: ...


@dataclass(frozen=True)
class Outcome:
    page: Path
    cells: int
    failed: int


class Run:
    """One benchmark in one folder. Raises InputError for names and options that there are not."""

    def __init__(self, benchmark: Benchmark, folder: Folder, choice: Choice, progress: Progress) -> None:
        self.benchmark, self.folder, self.choice, self.progress = benchmark, folder, choice, progress
        self.settings = choice.settings(benchmark)
        self.weights = Weights(benchmark.weights)
        with naming(benchmark.file):
            self.metrics: Chosen = choose(benchmark.metrics, self.weights)
            check_columns(benchmark.columns, benchmark.metrics)
        for line in self.metrics.left_out:  # before the hours that the cells may take
            logger.warning("%s", line)
        self.material = Material(benchmark.inputs, folder.inputs)
        self.maker = maker_of(benchmark, self.material)

    def run(self) -> Outcome:
        with self.folder.held():
            self.make()
            rows, lines = self.measured()
            for line in lines[len(self.metrics.left_out) :][:SHOWN]:
                logger.warning("Not measured: %s", line)
            page = write(Page(self.benchmark, rows, tuple(lines)), self.folder, self.material)
        cells = [cell for row in rows for cell in row.cells]
        return Outcome(page, len(cells), sum(not cell.record.done for cell in cells))

    def cells(self, setting: Setting) -> Iterator[Cell]:
        return cells_of(self.benchmark, setting, self.material, self.choice.limit)

    def make(self) -> None:
        """Every cell that is not finished; what ends is kept at once."""
        total = sum(1 for setting in self.settings for _ in self.cells(setting))
        kept = Keeper(self.folder, total)
        self.maker.make(self._unfinished(kept), self.folder, kept.ended, self.progress)
        logger.info("%d of %d cells were there already, %d failed.", kept.there, total, kept.failed)

    def _unfinished(self, kept: Keeper) -> Iterator[tuple[Cell, Record]]:
        """Those of one model follow each other."""
        seen: set[str] = set()
        models = [setting.model for setting in self.settings]
        for setting in sorted(self.settings, key=lambda setting: models.index(setting.model)):
            for cell in self.cells(setting):
                made_from = self._made_from(cell)
                id = id_of(made_from)
                known = self.folder.record(id)
                if id in seen or (known is not None and known.done):
                    kept.is_there()
                elif "problem" in made_from:
                    kept.ended(cell, Record(id, problem=made_from["problem"]))
                else:
                    yield cell, Record(id, problem=known.problem if known else "", made_from=made_from)
                seen.add(id)

    def _made_from(self, cell: Cell) -> dict[str, Any]:
        try:
            return self.maker.made_from(cell)
        except OSError as error:  # an input that cannot be read
            return {"problem": sentence(error), "label": cell.label}

    def measured(self) -> tuple[list[Row], list[str]]:
        """The rows, and lines about what is left out."""
        rows, lines = [], list(self.metrics.left_out)
        for setting in self.settings:
            row, notes = self._row(setting)
            rows.append(row)
            lines += [f"{setting.name}: {note}" for note in notes]
        return compared(rows, self.benchmark.baseline), lines

    def _row(self, setting: Setting) -> tuple[Row, list[str]]:
        """And what is to be said about its measures."""
        cells = [(cell, replace(self.record(cell), made_from={})) for cell in self.cells(setting)]
        report = self._evaluated([(cell, record) for cell, record in cells if record.done])
        found = iter(report.clips)
        results = [
            CellResult(cell, record, next(found).figures if record.done else {}) for cell, record in cells
        ]
        notes = {note for clip in report.clips for note in clip.notes}
        others = [line for line in report.lines if line not in {*notes, *self.metrics.left_out}]
        bare = [note.removeprefix(f"{clip.name}: ") for clip in report.clips for note in clip.notes]
        return row_of(setting, results, self._of_sets(report)), [*reasons(bare), *others]

    def _evaluated(self, cells: Sequence[tuple[Cell, Record]]) -> Report:
        sources = [
            CellSource(self.benchmark, cell, record, self.folder, self.material) for cell, record in cells
        ]
        references = [ClipFiles(path) for path in self.benchmark.references]
        kept = ResultsFolder(self.folder.measured)
        return evaluate(sources, references, self.metrics, self.weights, kept, self._measuring)

    def _measuring(self, what: str, done: int, planned: int) -> None:
        self.progress("measuring", done, planned, what)

    def _of_sets(self, report: Report) -> dict[str, Summary]:
        """The figures that no single video has."""
        names = [
            figure.name
            for metric in self.metrics.metrics
            if hasattr(metric, "distance")
            for figure in metric.figures
        ]
        return {name: report.summaries[name] for name in names if name in report.summaries}

    def record(self, cell: Cell) -> Record:
        """What is known of a cell."""
        made_from = self._made_from(cell)
        id = id_of(made_from)
        return self.folder.record(id) or Record(id, problem="It has not been made.")


class Keeper:
    """Keeps the record of each cell that ends, and says so."""

    def __init__(self, folder: Folder, total: int) -> None:
        self.folder, self.total = folder, total
        self.there = self.made = self.failed = 0

    def is_there(self) -> None:
        self.there += 1

    def ended(self, cell: Cell, record: Record) -> None:
        self.folder.keep(record)
        self.made += 1
        self.failed += not record.done
        number = f"Cell {self.there + self.made} of {self.total}"
        if record.done:
            logger.info("%s: %s: %.1f s.", number, cell.label, record.seconds)
        else:
            logger.error("%s: %s failed. %s", number, cell.label, record.problem)


def maker_of(benchmark: Benchmark, material: Material) -> Maker:
    if benchmark.server is not None:
        return ServerCells(benchmark, benchmark.server, material)
    return LocalCells(benchmark, material)
