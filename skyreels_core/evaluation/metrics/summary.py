"""Figures over clips: means with bootstrap intervals, and the distances between sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .frechet import Moments
from .lips import pooled
from .metric import Metric, SetMetric
from .results import Results
from .run import ClipResult, Source, result_key
from .weights import Weights

RESAMPLES, SET_RESAMPLES = 2000, 40  # of clips; a set's distance takes long
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
    wanted = moments(metric, references, weights, results)
    made = moments(metric, clips, weights, results)
    if wanted.count < 2 or made.count < 2:
        return None, f"{metric.name} needs two or more features of each set: give more or longer videos."
    value, low, high = metric.distance(made, wanted), None, None
    if len(clips) >= LEAST_CLIPS:
        random = np.random.default_rng(SEED)
        drawn = (random.integers(0, len(clips), len(clips)) for _ in range(SET_RESAMPLES))
        sets = (moments(metric, [clips[i] for i in chosen], weights, results) for chosen in drawn)
        spread = NORMAL_95 * float(np.std([metric.distance(one, wanted) for one in sets], ddof=1))
        low, high = max(0.0, value - spread), value + spread
    return Summary(value, low, high, len(clips)), _about(metric, made, wanted)


def moments(metric: Metric, sources: Sequence[Source], weights: Weights, results: Results) -> Moments:
    found = Moments()
    for source in sources:
        features = results.features(result_key(source, metric, weights), metric.name)
        if features is not None:
            found.add(features)
    return found


def _about(metric: Metric, made: Moments, wanted: Moments) -> str:
    width = np.size(made.mean)
    if min(made.count, wanted.count) > width:
        return ""
    return (
        f"{metric.name} rests on {made.count} features of the videos and {wanted.count} of the references, each "
        f"{width} wide: with so few it depends on their number. Compare it only between sets of one size."
    )
