"""Boxes that were edited shot by shot, put back into the frames of their video. Nothing heavy is imported here: the
graph's nodes finish with it too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from ..evaluation.continuity import ContinuityMeter, Span, parts, windows_of
from ..evaluation.seams import joins
from ..media.cropping import CropPath
from ..media.footage import Frames, TruncatedFrames, lasting
from ..media.region import Region
from ..windows import WindowPlan


@dataclass(frozen=True, eq=False)
class Part:
    """What was made of the box in one shot."""

    first: int  # frame of the whole video
    length: int  # frames
    path: CropPath
    plan: WindowPlan | None  # that its frames were made in; None: it is measured in parts of 5 s
    frames: Callable[[], Iterator[Tensor]]  # at the box's `size`, decoded as they are read

    def spans(self, fps: float) -> list[Span]:
        """What is judged apart, in frames of the whole video, within the part."""
        own = parts(self.length, fps) if self.plan is None else windows_of(self.plan)
        return [
            (self.first + start, self.first + min(end, self.length))
            for start, end in own
            if start < self.length
        ]

    @property
    def joins(self) -> list[int]:
        own = [] if self.plan is None else joins(self.plan)
        return [self.first + frame for frame in own if frame < self.length]


@dataclass(frozen=True, eq=False)
class PutBack:
    """A video with its edited parts, which do not overlap. Frames pass one by one."""

    source: Frames  # its last frame lasts for ever
    region: Region  # of the source's size
    frames: int  # that the result has
    fps: float
    parts: Sequence[Part]
    feather: int | None = None  # pixels of the source; None: 1/32 of a box's shorter side
    composite: bool = True  # False: what was made of a box is shown whole

    def stream(self, measured: Callable[[ContinuityMeter], None] | None = None) -> Iterator[Tensor]:
        """The finished frames [h w 3]; `measured` gets the meter once the last one was read."""
        latest = _Latest()
        meter = self._meter(latest)
        for frame in self._joined(latest.watch(lasting(self.source.stream()))):
            meter.add(frame)
            yield frame
        if measured is not None:
            measured(meter)

    def _joined(self, originals: Iterable[Tensor]) -> Iterator[Tensor]:
        parts, made = {part.first: part for part in self.parts}, iter(())
        part = None
        for index, (original, mask) in enumerate(
            zip(islice(originals, self.frames), self._masks(), strict=False)
        ):
            if index in parts:
                part = parts[index]
                made = part.frames()
            if part is None or index >= part.first + part.length:
                yield original
                continue
            shown = mask if self.composite else None
            yield part.path.put_back(original, next(made), shown, index - part.first, self.feather)
            if index == part.first + part.length - 1:
                next(made, None)  # what it does at its end

    def _masks(self) -> Iterator[Tensor]:
        return lasting(TruncatedFrames(self.region, self.frames).stream())

    def _meter(self, latest: _Latest) -> ContinuityMeter:
        """Each window is compared with the source's own frames."""
        spans = [span for part in self.parts for span in part.spans(self.fps)]
        where = [frame for part in self.parts for frame in part.joins]
        return ContinuityMeter(spans, where, self.fps, lambda index: latest.frame, self._masks())


class _Latest:
    """The frame that passed last."""

    frame: Tensor

    def watch(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        for self.frame in frames:
            yield self.frame
