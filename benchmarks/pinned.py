"""Pinned editing against the trained masks, with another voice: what follows it, and what happens outside the box.

The bundled model was trained with masks; pinned, its mask channels are not used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from skyreels_core.evaluation.edits import EditMeter
from skyreels_core.media.compositing import composite, layers
from skyreels_core.media.footage import InMemoryFrames

from .material import Example, correlation, driving, edited, example, median_interval, mouth
from .record import Record
from .sync import CLIPS, SECONDS

METHODS = ("masks", "pinned")
CANDIDATES = 40
SHOWN = ("new", "old", "outside", "jump", "ratio", "L", "a", "b")


@dataclass(frozen=True)
class Pair:
    """A clip, and the voice of another one whose curve has the least to do with it."""

    clip: Example
    other: Example

    @classmethod
    def of(cls, index: int) -> Pair:
        clips = {other: example(other, SECONDS) for other in range(CANDIDATES)}
        own = driving(clips[index])
        others = {
            other: abs(correlation(own, driving(clip))) for other, clip in clips.items() if other != index
        }
        return cls(clips[index], clips[min(others, key=lambda other: others[other])])

    def measured(self, method: str) -> dict[str, float]:
        made = edited(self.clip, self.other.voice, composite=False, method=method).frames
        opening = mouth(made, self.clip, edited=True)
        meter = EditMeter()
        for layer in layers(made, InMemoryFrames(self.clip.frames), InMemoryFrames(self.clip.boxes)):
            meter.add(layer, composite(*layer))
        found = meter.findings()
        follows = (correlation(opening, driving(clip)[: len(made)]) for clip in (self.other, self.clip))
        numbers = (*follows, found.outside_db or 0.0, 255 * (found.edge_jump or 0.0), found.edge_ratio or 0.0)
        return dict(zip(SHOWN, (*numbers, *(found.ring_shift or ())), strict=True))


def run(record: Record) -> None:
    clips = int(os.environ.get("CLIPS", CLIPS))
    found: dict[str, list[dict[str, float]]] = {method: [] for method in METHODS}
    for index in range(clips):
        pair = Pair.of(index)
        for method in METHODS:
            found[method].append(pair.measured(method))
    record["clips"] = clips
    draws = np.random.default_rng(0)
    for method, rows in found.items():
        record[method] = {name: _median([row[name] for row in rows], draws) for name in SHOWN}
    for name in ("new", "old"):
        apart = [pinned[name] - masks[name] for masks, pinned in zip(*found.values(), strict=True)]
        record[f"{name}_apart"] = _median(apart, draws)


def _median(values: list[float], draws: np.random.Generator) -> dict[str, object]:
    return {"median": np.median(values), "interval": median_interval(values, draws)}
