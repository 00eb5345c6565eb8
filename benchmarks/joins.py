"""Are joins seen? The change at joins against that midway between them, in the same long videos, outside the lower
face; with windows as shipped, with FreeNoise, and with windows that shift from step to step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from skyreels_core.evaluation.seams import change, joins, midway
from skyreels_core.pipeline.sampler import make_noise
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.timeline import Timeline
from skyreels_core.windows import WindowPlan

from .material import FPS, Example, example, measured_seams, shipped, sync
from .record import Record
from .variants import ShiftingWindows, animated_as, shuffled_noise

CLIPS, SECONDS, FIRST, STEPS = (
    12,
    12.0,
    100,
    12,
)  # half of the shipped steps: three ways at 12 clips take hours
DRAWS, PERCENTILE = 2000, 95
WAYS = {
    "as shipped": (make_noise, Denoiser),
    "FreeNoise": (shuffled_noise, Denoiser),
    "shifting windows": (make_noise, ShiftingWindows),
}


def run(record: Record) -> None:
    rows = []
    for name, (noise, denoiser) in WAYS.items():
        at, between, follows = [], [], []
        for index in range(CLIPS):
            clip = example(FIRST + index, SECONDS)
            frames = animated_as(clip, noise, denoiser, steps=STEPS)
            changes = _changes(frames, clip)
            at.append(measured_seams(changes, _joins(), FPS))
            between.append(measured_seams(changes, _midway(), FPS))
            follows.append(sync(frames, clip))
        rows.append({"way": name, "sync": float(np.median(follows)), **_compared(at, between)})
        record["rows"] = rows


def _changes(frames, clip: Example) -> list[float]:
    return [change(before, after, 1 - clip.boxes[0]) for before, after in pairwise(frames)]


def _joins() -> list[int]:
    settings, timeline = shipped(), Timeline.from_seconds(SECONDS, FPS)
    return joins(WindowPlan.plan(timeline.latent_frames, settings.window, settings.overlap))


def _midway() -> list[int]:
    return midway(_joins())


def _compared(at: list[list[float]], between: list[list[float]]) -> dict:
    """The percentile at joins and midway, and their difference with a 95 % interval by bootstrap over the clips."""
    generator = np.random.default_rng(0)
    draws = [_difference(at, between, generator.integers(0, len(at), len(at))) for _ in range(DRAWS)]
    return {
        "at": float(np.percentile(np.concatenate(at), PERCENTILE)),
        "between": float(np.percentile(np.concatenate(between), PERCENTILE)),
        "difference": _difference(at, between, np.arange(len(at))),
        "interval": [float(np.percentile(draws, q)) for q in (2.5, 97.5)],
        "joins": sum(map(len, at)),
    }  # fmt: skip


def _difference(at: list[list[float]], between: list[list[float]], chosen: np.ndarray) -> float:
    joined, midway = (np.concatenate([values[i] for i in chosen]) for values in (at, between))
    return float(np.percentile(joined, PERCENTILE) - np.percentile(midway, PERCENTILE))
