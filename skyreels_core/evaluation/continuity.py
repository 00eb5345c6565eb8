"""Does a long video stay one take? Measured on the finished frames while they pass, in memory that does not grow:
how like its reference each window looks (`likeness`), the seams where windows meet (`seams`), and how the mean LAB
of each second drifts from the reference's (`colour.drift`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from ..media.colour import drift, thinned
from ..timeline import first_frame, frames_of
from ..windows import WindowPlan
from .likeness import EVERYWHERE, Reference, WatchedReference, box_around, layout, likeness, miniature
from .seams import JoinFigure, SeamMeter, change, joins

PART_SECONDS = 5.0  # of a video whose windows are not known

Span = tuple[int, int]  # frames


@dataclass(frozen=True)
class WindowFigure:
    start: float  # seconds
    end: float  # seconds
    identity: float | None  # mean of its frames; None where nothing could be measured


@dataclass(frozen=True)
class Continuity:
    windows: tuple[WindowFigure, ...]
    joins: tuple[JoinFigure, ...]
    colours: tuple[tuple[float, float, float] | None, ...]  # L, a, b minus the reference's, of each second
    slope: tuple[float, float, float]  # of the colours, per minute
    change: tuple[float, float, float]  # of the colours, the last second minus the first

    @property
    def worst_window(self) -> int | None:
        """The index of the window that is least like its reference."""
        return _extreme([window.identity for window in self.windows], min)

    @property
    def worst_join(self) -> int | None:
        return _extreme([join.seam for join in self.joins], max)

    def __str__(self) -> str:
        lightness, a, b = self.change
        colours = (
            f"From the first second to the last, colours drift by L {lightness:+.1f}, a {a:+.1f}, b {b:+.1f}."
        )
        return " ".join([*self._about_windows(), *self._about_joins(), colours])

    def _about_windows(self) -> Iterator[str]:
        if (worst := self.worst_window) is not None:
            window = self.windows[worst]
            yield (
                f"Likeness to the reference (1 is identical): lowest {window.identity:.2f}, in window {worst + 1} of "
                f"{len(self.windows)}, {window.start:.1f} to {window.end:.1f} s."
            )

    def _about_joins(self) -> Iterator[str]:
        if (worst := self.worst_join) is not None:
            join = self.joins[worst]
            yield f"The largest change at a join is {join.seam:.1f} times the usual change, at {join.seconds:.1f} s."


def _extreme(values: Sequence[float | None], choose: Callable) -> int | None:
    measured = [(value, index) for index, value in enumerate(values) if value is not None]
    return choose(measured)[1] if measured else None


class ContinuityMeter:
    """Takes the finished frames one by one. spans: the first frame and the end of each window, in order; joins: frames.

    `reference` None: frame 0 is it. region: masks [h w] at the frames' size, one for each; then only what lies in
    the box around the mask is compared, and only changes inside the mask count, as it suits an edit. Give
    `self.reference` to whoever else asks for the reference's pictures: each is then made and measured once.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        joins: Sequence[int],
        fps: float,
        reference: Reference | None = None,
        region: Iterable[Tensor] | None = None,
    ) -> None:
        self.fps, self.frames = fps, 0
        self.reference = None if reference is None else WatchedReference(reference)
        self.region = repeat(None) if region is None else iter(region)
        self.windows = WindowMeans(spans)
        self.seams = SeamMeter(joins, fps)
        self.colours = SecondMeans(fps)
        self.first: Tensor | None = None  # miniature of frame 0
        self.last: Tensor | None = None

    @classmethod
    def of(cls, plan: WindowPlan, fps: float, *what: Any) -> ContinuityMeter:
        """Of the windows that a video was made in; `what` as above."""
        return cls(windows_of(plan), joins(plan), fps, *what)

    def watch(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """The same frames."""
        for frame in frames:
            self.add(frame)
            yield frame

    @torch.no_grad()
    def add(self, frame: Tensor) -> None:
        """The next frame, [h w 3] in 0..1."""
        mask, seen = next(self.region), thinned(frame)
        inside = None if mask is None else thinned(mask)
        if self.last is not None:
            self.seams.add(change(self.last, seen, inside))
        self.last = seen
        place = EVERYWHERE if inside is None else box_around(inside)
        small = miniature(seen)
        self.first = small if self.first is None else self.first
        reference = self.first if self.reference is None else self.reference.miniature(self.frames)
        if place is not None:
            self.windows.add(self.frames, likeness(layout(small[place]), layout(reference[place])))
            self.colours.add(self.frames, (small[place] - reference[place]).mean((0, 1)))
        self.frames += 1

    def result(self) -> Continuity:
        """What the frames that passed were."""
        colours = self.colours.result(self.frames)
        means = torch.tensor([second or (math.nan,) * 3 for second in colours]).reshape(-1, 3)
        wandered = drift(means, 1.0)
        return Continuity(
            self.windows.result(self.fps, self.frames),
            self.seams.result(self.frames),
            colours,
            tuple(wandered.slope.tolist()),
            tuple(wandered.change.tolist()),
        )


def windows_of(plan: WindowPlan) -> list[Span]:
    starts = [(first_frame(window.start), frames_of(window.length)) for window in plan.windows]
    return [(start, start + length) for start, length in starts]


def parts(frames: int, fps: float) -> list[Span]:
    """What is judged apart in a video whose windows are not known."""
    length = max(1, round(PART_SECONDS * fps))
    return [(first, first + length) for first in range(0, frames, length)]


class WindowMeans:
    """Means over the frames of each window."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self.totals, self.counts = [0.0] * len(self.spans), [0] * len(self.spans)
        self.open = 0  # the first window that has not ended

    def add(self, frame: int, value: float) -> None:
        while self.open < len(self.spans) and self.spans[self.open][1] <= frame:
            self.open += 1
        for index in range(self.open, len(self.spans)):
            if self.spans[index][0] > frame:
                break
            self.totals[index] += value
            self.counts[index] += 1

    def result(self, fps: float, frames: int) -> tuple[WindowFigure, ...]:
        return tuple(
            WindowFigure(first / fps, min(end, frames) / fps, total / count if count else None)
            for (first, end), total, count in zip(self.spans, self.totals, self.counts, strict=True)
            if first < frames
        )


class SecondMeans:
    """Means [3] over the frames of each second."""

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.totals: dict[int, Tensor] = {}
        self.counts: dict[int, int] = {}

    def add(self, frame: int, value: Tensor) -> None:
        second = int(frame / self.fps)
        self.totals[second] = self.totals.get(second, 0) + value.double()
        self.counts[second] = self.counts.get(second, 0) + 1

    def result(self, frames: int) -> tuple[tuple[float, float, float] | None, ...]:
        seconds = range(math.ceil(frames / self.fps))
        return tuple(
            tuple((self.totals[s] / self.counts[s]).tolist()) if s in self.totals else None for s in seconds
        )
