"""The whole of an evaluation: which metrics, all clips, all sets, one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .metric import Metric
from .registry import Chosen
from .report import Report
from .results import Results
from .run import ClipResult, Progress, Source, measure
from .summary import Summary, compare_sets, summaries
from .weights import Weights


def evaluate(
    clips: Sequence[Source],
    references: Sequence[Source],
    chosen: Chosen,
    weights: Weights,
    results: Results,
    progress: Progress | None = None,
    done: Callable[[ClipResult], None] | None = None,
) -> Report:
    """references: all that metrics of sets compare with. `done` is called after each clip."""
    measured = []
    for source in clips:
        measured.append(measure(source, chosen.metrics, weights, results, progress))
        if done:
            done(measured[-1])
    figures, lines = (
        summaries(measured),
        [*chosen.left_out, *(note for clip in measured for note in clip.notes)],
    )
    for metric in chosen.metrics:
        if not hasattr(metric, "distance"):
            continue
        found, about = _set(metric, clips, references, weights, results, progress)
        figures |= {metric.figures[0].name: found} if found else {}
        lines += [about] if about else []
    return Report(tuple(measured), figures, tuple(dict.fromkeys(lines)))


def _set(
    metric: Metric,
    clips: Sequence[Source],
    references: Sequence[Source],
    weights: Weights,
    results: Results,
    progress: Progress | None,
) -> tuple[Summary | None, str]:
    if not references:
        return None, (
            f"{metric.name} needs reference videos (--reference FOLDER; references in a benchmark's specification)."
        )
    for source in references:
        measure(source, [metric], weights, results, progress)
    return compare_sets(metric, clips, references, weights, results)  # pyright: ignore[reportArgumentType]
