"""Figures over clips: means with bootstrap intervals, and the distances between sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frechet import Moments
from .lips import pooled
from .metric import Metric, SetMetric
from .results import Results
from .run import ClipResult, Source, result_key
from .weights import Weights

RESAMPLES, SET_RESAMPLES = 2000, 40  # of clips; a set's distance takes long
SETS_AT_ONCE = 10
LEAST_CLIPS = 3  # for an interval
NORMAL_95 = 1.96  # deviations
SEED = 0


@dataclass(frozen=True)
class Summary:
    """Of one figure. low, high: the 95 % interval over clips; None where there are too few."""

    value: float
    low: float | None
    high: float | None
    count: int  # clips


def over_clips(values: Sequence[float]) -> Summary:
    """The mean, with a percentile bootstrap interval."""
    held = np.array(values)
    if len(held) < LEAST_CLIPS:
        return Summary(float(held.mean()), None, None, len(held))
    chosen = np.random.default_rng(SEED).integers(0, len(held), (RESAMPLES, len(held)))
    low, high = np.quantile(held[chosen].mean(1), [0.025, 0.975])
    return Summary(float(held.mean()), float(low), float(high), len(held))


def summaries(clips: Sequence[ClipResult]) -> dict[str, Summary]:
    names = dict.fromkeys(name for clip in clips for name in clip.figures)
    found = {name: over_clips([c.figures[name] for c in clips if name in c.figures]) for name in names}
    if "lips_p" in found:  # p values are pooled, not averaged
        p_values = [clip.figures["lips_p"] for clip in clips if "lips_p" in clip.figures]
        found["lips_p"] = Summary(pooled(p_values), None, None, len(p_values))
    return found


def compare_sets(
    metric: SetMetric,
    clips: Sequence[Source],
    references: Sequence[Source],
    weights: Weights,
    results: Results,
) -> tuple[Summary | None, str]:
    """The distance of all clips from all references, and what has to be said about it. Features are read clip by clip,
    in memory that does not grow with their number.

    The interval is 1.96 deviations over resampled clips: a percentile would be off, because a set with repeated clips
    lies farther away.
    """
    (wanted,) = moments(metric, references, weights, results)
    (made,) = moments(metric, clips, weights, results)
    if wanted.count < 2 or made.count < 2:
        return None, f"{metric.name} needs two or more features of each set: give more or longer videos."
    reference = wanted.gaussian()
    value, low, high = metric.distance(made.gaussian(), reference), None, None
    if len(clips) >= LEAST_CLIPS:
        spread = NORMAL_95 * float(np.std([
            metric.distance(one.gaussian(), reference)
            for times in resampled(len(clips))
            for one in moments(metric, clips, weights, results, times)
        ], ddof=1))  # fmt: skip
        low, high = max(0.0, value - spread), value + spread
    return Summary(value, low, high, len(clips)), _about(metric, made, wanted)


def resampled(count: int) -> Iterator[NDArray[np.int64]]:
    """How often each of `count` clips was drawn, [sets, clips] of a few sets at a time: a set of features 2048 wide
    takes 32 MB."""
    random = np.random.default_rng(SEED)
    drawn = random.integers(0, count, (SET_RESAMPLES, count))
    times = np.stack([np.bincount(chosen, minlength=count) for chosen in drawn])
    yield from np.split(times, SET_RESAMPLES // SETS_AT_ONCE)


def moments(
    metric: Metric,
    sources: Sequence[Source],
    weights: Weights,
    results: Results,
    times: NDArray[np.int64] | None = None,
) -> list[Moments]:
    """Of sets that hold each source so often, [sets, sources]; of one that holds each once, by default. The features of
    a source are read once."""
    times = np.ones((1, len(sources)), np.int64) if times is None else times
    sets = [Moments() for _ in times]
    for source, of_source in zip(sources, times.T, strict=True):
        features = results.features(result_key(source, metric, weights), metric.name)
        part = Moments() if features is None else Moments.of(features)
        for found, often in zip(sets, of_source, strict=True):
            found.add(part, int(often))
    return sets


def _about(metric: Metric, made: Moments, wanted: Moments) -> str:
    width = np.size(made.mean)
    if min(made.count, wanted.count) > width:
        return ""
    return (
        f"{metric.name} rests on {made.count} features of the videos and {wanted.count} of the references, each "
        f"{width} wide: with so few it depends on their number. Compare it only between sets of one size."
    )
