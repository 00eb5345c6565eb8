"""Rows of settings: means with intervals, and differences from the baseline in the same combinations of inputs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from ..evaluation.metrics.metric import HIGHER, LOWER, Figure
from ..evaluation.metrics.run import ClipResult
from ..evaluation.metrics.summary import Summary, over_clips, summaries
from .cells import Cell
from .folder import Record
from .measures import FIGURES
from .spec import Benchmark, Setting

POOLED = ("lips_p",)  # figures that no mean is taken of
BETTER, WORSE, UNCLEAR = "better", "worse", "unclear"


@dataclass(frozen=True)
class CellResult:
    cell: Cell
    record: Record
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A setting. summaries, differences: by figure; a difference is this setting minus the baseline."""

    setting: Setting
    cells: tuple[CellResult, ...]
    summaries: Mapping[str, Summary]
    differences: Mapping[str, Summary] = field(default_factory=dict)

    @property
    def failed(self) -> list[CellResult]:
        return [one for one in self.cells if not one.record.done]

    @property
    def forwards(self) -> float | None:
        """Mean over the cells, of the network."""
        known = [
            one.record.forwards for one in self.cells if one.record.done and one.record.forwards is not None
        ]
        return fmean(known) if known else None

    @property
    def seconds(self) -> float | None:
        """Mean that a cell took."""
        known = [one.record.seconds for one in self.cells if one.record.done]
        return fmean(known) if known else None


def row_of(setting: Setting, cells: Sequence[CellResult], sets: Mapping[str, Summary]) -> Row:
    """`sets`: the figures of metrics that compare sets of videos."""
    means = by_combination(cells)
    names = dict.fromkeys(name for figures in means.values() for name in figures)
    found = {name: over_clips([one[name] for one in means.values() if name in one]) for name in names}
    found |= {name: one for name, one in pooled(cells).items() if name in POOLED}
    return Row(setting, tuple(cells), found | dict(sets))


def by_combination(cells: Iterable[CellResult]) -> dict[int, dict[str, float]]:
    """Figures by the number of the combination: means over the seeds, which are no clips of their own."""
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in cells:
        for name, value in one.figures.items():
            found[one.cell.inputs.number][name].append(value)
    return {
        number: {name: fmean(values) for name, values in figures.items()} for number, figures in found.items()
    }


def pooled(cells: Iterable[CellResult]) -> dict[str, Summary]:
    chosen = [{name: one.figures[name] for name in POOLED if name in one.figures} for one in cells]
    return summaries([ClipResult("", "", figures, (), {}) for figures in chosen])


def compared(rows: Sequence[Row], baseline: str | None) -> list[Row]:
    """With the differences from the baseline, of combinations that both have."""
    base = next((row for row in rows if row.setting.name == baseline), None)
    if base is None:
        return list(rows)
    known = by_combination(base.cells)
    return [row if row is base else _compared(row, known) for row in rows]


def _compared(row: Row, known: Mapping[int, Mapping[str, float]]) -> Row:
    pairs: dict[str, list[float]] = defaultdict(list)
    for number, figures in by_combination(row.cells).items():
        for name, value in figures.items():
            if name not in POOLED and name in known.get(number, {}):
                pairs[name].append(value - known[number][name])
    return Row(
        row.setting, row.cells, row.summaries, {name: over_clips(found) for name, found in pairs.items()}
    )


def verdict(figure: Figure, difference: Summary) -> str:
    """Whether a difference from the baseline is for the better, as far as its interval tells."""
    low, high = difference.low, difference.high
    if low is None or high is None or low <= 0 <= high or figure.better not in (HIGHER, LOWER):
        return UNCLEAR
    return BETTER if (low > 0) == (figure.better == HIGHER) else WORSE


def columns_of(benchmark: Benchmark, rows: Sequence[Row]) -> list[Figure]:
    """Of the table: the named figures, or all that can be better or worse, of those that some row has."""
    wanted = benchmark.columns or [name for name, figure in FIGURES.items() if figure.better]
    return [FIGURES[name] for name in wanted if any(name in row.summaries for row in rows)]


def best_of(figure: Figure, rows: Sequence[Row]) -> float | None:
    values = [row.summaries[figure.name].value for row in rows if figure.name in row.summaries]
    if len(values) < 2 or figure.better not in (HIGHER, LOWER):
        return None
    return max(values) if figure.better == HIGHER else min(values)


def reasons(notes: Iterable[str]) -> list[str]:
    """Each once, with the number of cells that it is of."""
    return [text if count == 1 else f"{text} ({count} cells)" for text, count in Counter(notes).items()]
