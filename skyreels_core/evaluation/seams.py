"""Seams: the change of pixels where two windows of a video meet, in multiples of the usual change around."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from ..timeline import first_frame
from ..windows import WindowPlan

NEAR_SECONDS = 2.0  # on each side of a join; the median change within is the usual one
BEFORE, AFTER = 4, 1  # changes that a join can show in, up to its frame and after it: its latent frame is 4
STILL = 1e-4  # a change of pixels in 0..1 that is none: a fortieth of a step of 8 bits


@dataclass(frozen=True)
class JoinFigure:
    seconds: float
    seam: float | None  # in usual changes; None where nothing could be measured


class SeamMeter:
    """The seams of joins, from changes that come one by one: no more of them are kept than lie near a join."""

    def __init__(self, joins: Sequence[int], fps: float) -> None:
        self.fps, self.reach = fps, near(fps)
        self.waiting = deque(joins)
        self.found: list[JoinFigure] = []
        self.changes: deque[float] = deque(maxlen=2 * self.reach + BEFORE + AFTER)
        self.count = 0

    def add(self, change: float) -> None:
        """The change into the next frame; frame 0 has none."""
        self.changes.append(change)
        self.count += 1
        while self.waiting and self.waiting[0] + self.reach < self.count:
            self._measure(self.waiting.popleft())

    def result(self, frames: int) -> tuple[JoinFigure, ...]:
        while self.waiting and self.waiting[0] < frames:
            self._measure(self.waiting.popleft())
        return tuple(self.found)

    def _measure(self, join: int) -> None:
        kept_from = self.count - len(self.changes)
        self.found.append(JoinFigure(join / self.fps, seam(list(self.changes), join - kept_from, self.fps)))


def near(fps: float) -> int:
    return max(BEFORE, round(NEAR_SECONDS * fps))


def joins(plan: WindowPlan) -> list[int]:
    """Frames at which a window starts or ends within the video."""
    edges = {w.start for w in plan.windows[1:]} | {w.start + w.length for w in plan.windows[:-1]}
    return sorted(first_frame(edge) for edge in edges)


def midway(joins: Sequence[int]) -> list[int]:
    """Frames between neighbouring joins, where none is: what a seam is compared with."""
    return [(before + after) // 2 for before, after in pairwise(joins)]


def seam(changes: Sequence[float], join: int, fps: float) -> float | None:
    """The largest change at a join in multiples of the median change within 2 s of it.

    changes: the i-th leads from frame i to frame i + 1; join: a frame, of `joins`. None where none is measured.
    """
    at = [c for c in changes[max(0, join - BEFORE) : join + AFTER] if math.isfinite(c)]
    around = [c for c in changes[max(0, join - near(fps)) : join + near(fps)] if math.isfinite(c)]
    return float(max(at) / max(np.median(around), STILL)) if at else None


def change(before: Tensor, after: Tensor, counts: Tensor | None = None) -> float:
    """Mean absolute change from one picture [h w 3] to the next, over where `counts` [h w] says; NaN for nowhere."""
    difference = (after - before).abs_().mean(-1)
    return float(difference.mean() if counts is None else (difference * counts).sum() / counts.sum())
