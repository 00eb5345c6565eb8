"""Decoded frames to the finished video, in one order for everybody who makes one: unify the colours, put back into the
video that was edited, measure. Frames pass one by one, so that memory does not grow with the length.

Nothing heavy is imported here: the graph's nodes finish with it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice

from torch import Tensor

from ..evaluation.continuity import ContinuityMeter, parts
from ..media.compositing import Changed, blended, layers, measured_only, place_back, scale_to
from ..media.footage import Frames, Reader, TruncatedFrames, at_frames, lasting
from ..media.region import Region, ring_around
from ..media.unify import unify_stream
from ..timeline import Timeline, blended_from, frames_at
from ..windows import WindowPlan

Reference = Callable[
    [int], Tensor
]  # the picture [h w 3] whose colours a frame should have, by the frame's index
Stage = Callable[
    [str], AbstractContextManager
]  # entered for the work of "colours" and "measuring", frame by frame


@dataclass(frozen=True, eq=False)
class Edited:
    """The video under an edit, and the region of it that was regenerated."""

    source: Frames  # its last frame lasts for ever
    region: Region  # of the source's size
    feather: int | None = None  # pixels of the source; None: 1/32 of its shorter side
    composite: bool = True  # outside the region every pixel is the source's; False shows what the model made
    changed: Changed | None = None  # measures what the edit changed outside the region
    around: bool = False  # colours are matched in a ring around the region, not everywhere

    def placed(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """At the source's size."""
        if self.composite:
            return place_back(frames, self.source, self.region, self.feather, self.changed)
        if self.changed is not None:
            return measured_only(layers(frames, self.source, self.region, self.feather), self.changed)
        return scale_to(frames, *self.source.size)

    def ring(self, indices: list[int] | None = None) -> Callable[[int, tuple[int, int]], Tensor] | None:
        """By the index of a frame and its size; None where its colours are matched everywhere. `indices` are those of
        the source's frames, where others are generated."""
        readers: dict[tuple[int, int], Reader] = {}

        def of(index: int, size: tuple[int, int]) -> Tensor:
            if size not in readers:
                region = TruncatedFrames(self.region, len(self.source))
                region = region if indices is None else at_frames(region, indices)
                readers[size] = Reader(region, partial(ring_around, size=size))
            return readers[size](index)

        return of if self.around else None

    def masks(self) -> Iterator[Tensor]:
        """Of each frame [h w], the last one for ever."""
        return lasting(TruncatedFrames(self.region, len(self.source)).stream())


@dataclass(frozen=True, eq=False)
class Finish:
    """How a video is finished."""

    frames: int  # that it has; what was made beyond them is cut
    fps: float
    colour_strength: float = 1.0  # 0..1, share of the drift that is removed
    reference: Reference | None = None  # None: frame 0
    edited: Edited | None = None
    plan: WindowPlan | None = None  # that it was made in; None: it is measured in parts of 5 s
    generated: Timeline | None = None  # of the decoded frames, where they come slower than those of the video
    compared: Reference | None = None  # then what the meter compares a frame of the video with, by its index

    def meter(self) -> ContinuityMeter:
        """For `stream`; it has its result once the last frame was read."""
        masks = self.edited and self.edited.masks()
        if self.generated is not None:
            return ContinuityMeter(parts(self.frames, self.fps), (), self.fps, self.compared, masks)
        if self.plan is None:
            return ContinuityMeter(parts(self.frames, self.fps), (), self.fps, self.reference, masks)
        return ContinuityMeter.of(self.plan, self.fps, self.reference, masks)

    def stream(
        self, decoded: Iterable[Tensor], meter: ContinuityMeter, stage: Stage = nullcontext
    ) -> Iterator[Tensor]:
        """Decoded frames [h w 3] in 0..1 at the model's size -> the finished ones, `frames` of them at most."""
        frames = self._unified(decoded, meter, partial(stage, "colours"))
        for frame in frames if self.edited is None else self.edited.placed(frames):
            with stage("measuring"):
                meter.add(frame)
            yield frame

    def _unified(
        self, decoded: Iterable[Tensor], meter: ContinuityMeter, stage: Callable[[], AbstractContextManager]
    ) -> Iterator[Tensor]:
        """At the times of the video's frames."""
        if self.generated is None:
            ring = self.edited and self.edited.ring()
            frames = islice(decoded, self.frames)
            return unify_stream(frames, self.fps, self.colour_strength, meter.reference, stage, ring)
        made, shown = self.generated, Timeline(self.frames, self.fps)
        ring = self.edited and self.edited.ring(frames_at(made, shown))
        frames = islice(decoded, made.frames)
        frames = unify_stream(frames, made.fps, self.colour_strength, self.reference, stage, ring)
        return blended(frames, blended_from(made, shown))
