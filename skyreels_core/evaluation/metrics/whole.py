"""Of the whole video: whether it stays one take, and what an edit changed where it should change nothing."""

from __future__ import annotations

import math
from collections import deque
from typing import ClassVar

import numpy as np
from torch import Tensor

from ...media.colour import thinned
from ...media.compositing import FEATHER, OutsideMeter
from ...media.footage import Reader, lasting
from ...media.region import feather
from ..continuity import ContinuityMeter, parts
from ..edges import steps_over_edge
from ..seams import STILL, change, near
from .metric import HIGHER, LOWER, NEITHER, Clip, Figure, Measured, Needs
from .weights import Weights

BEST_DB = 120.0  # of frames that are equal
SAME_RATE = 1e-3  # frames per second
DRAWN_COLOURS = 10.0  # L, a, b, at which a curve reaches 1


class Continuity:
    """`likeness` compares the layout of colours with the reference, or with the first frame; `colour_drift` is how far
    the mean colour of the last second is from that of the first, both minus the reference's; `jump` the largest change
    from one frame to the next, in multiples of the median within 2 s, at `jump_at`. A cut is a jump too."""

    name: ClassVar[str] = "continuity"
    figures: ClassVar = (
        Figure("likeness", "1 = identical", HIGHER),
        Figure("likeness_lowest", "1 = identical", HIGHER),
        Figure("colour_drift", "CIELAB", LOWER),
        Figure("jump", "usual changes", LOWER),
        Figure("jump_at", "s", NEITHER),
    )
    needs: ClassVar[Needs] = Needs()

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> TakeMeter:
        return TakeMeter(clip)


class TakeMeter:
    def __init__(self, clip: Clip) -> None:
        reference = None if clip.reference is None else Reader(clip.reference)
        self.meter = ContinuityMeter(parts(len(clip.video), clip.fps), [], clip.fps, reference)
        self.jumps, self.last = JumpMeter(clip.fps), None

    def add(self, frame: Tensor) -> None:
        self.meter.add(frame)
        seen = thinned(frame)
        if self.last is not None:
            self.jumps.add(change(self.last, seen))
        self.last = seen

    def result(self) -> Measured:
        found = self.meter.result()
        measured = [window.identity for window in found.windows if window.identity is not None]
        jump, at = self.jumps.result()
        figures = {
            "likeness": float(np.mean(measured)),
            "likeness_lowest": min(measured),
            "colour_drift": math.hypot(*found.change),
            "jump": jump,
            "jump_at": at,
        }
        first = next(colour for colour in found.colours if colour is not None)
        moved = [math.dist(colour or first, first) / DRAWN_COLOURS for colour in found.colours]
        return Measured(figures, curves={"colour drift / 10": moved})


class JumpMeter:
    """The largest change in multiples of the median around it; no more changes are kept than lie around one."""

    def __init__(self, fps: float) -> None:
        self.fps, self.reach = fps, near(fps)
        self.changes: deque[float] = deque(maxlen=2 * self.reach + 1)
        self.count, self.largest, self.at = 0, 0.0, 0.0

    def add(self, change: float) -> None:
        self.changes.append(change)
        self.count += 1
        if self.count > self.reach:
            self._judge(self.count - 1 - self.reach)

    def result(self) -> tuple[float, float]:
        """The jump, and its time in seconds."""
        for index in range(max(0, self.count - self.reach), self.count):
            self._judge(index)
        return self.largest, self.at

    def _judge(self, index: int) -> None:
        usual = max(float(np.median(self.changes)), STILL)
        here = self.changes[index - (self.count - len(self.changes))] / usual
        if here > self.largest:
            self.largest, self.at = here, (index + 1) / self.fps


class Outside:
    """Beyond the feathered mask an edit should leave its source as it was; at the mask's edge it should not step."""

    name: ClassVar[str] = "outside"
    figures: ClassVar = (
        Figure("outside_psnr", "dB", HIGHER),
        Figure("outside_largest", "of 1", LOWER),
        Figure("edge_step", "of 255", LOWER),
    )
    needs: ClassVar[Needs] = Needs(moving_reference=True, mask=True)

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> EditMeter:
        return EditMeter(clip)


class EditMeter:
    def __init__(self, clip: Clip) -> None:
        assert clip.reference is not None and clip.region is not None  # it needs both
        self.why_not = unlike(clip)
        self.source, self.masks = lasting(clip.reference.stream()), lasting(clip.region.stream())
        self.pixels = max(1, round(FEATHER * min(clip.video.size)))
        self.outside, self.steps, self.count = OutsideMeter(), 0.0, 0

    def add(self, frame: Tensor) -> None:
        if self.why_not:
            return
        source, mask = next(self.source), next(self.masks)
        self.outside.add(source, frame, feather(mask[None], self.pixels)[0])
        grown = [steps_over_edge(picture, mask > 0.5).abs() for picture in (frame, source)]
        self.steps += float((grown[0] - grown[1]).sum())
        self.count += grown[0].numel()

    def result(self) -> Measured:
        if self.why_not:
            return Measured(note=self.why_not)
        error = self.outside.error()
        figures = {"outside_psnr": min(error.psnr, BEST_DB), "outside_largest": error.largest}
        return Measured(figures | ({"edge_step": 255 * self.steps / self.count} if self.count else {}))


def unlike(clip: Clip) -> str:
    """Why a video cannot be compared with its reference frame by frame; empty where it can."""
    assert clip.reference is not None and clip.region is not None
    sizes = {clip.video.size, clip.reference.size, clip.region.size}
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        return f"video, reference and mask need one size, not {shown}"
    if abs(getattr(clip.reference, "fps", clip.fps) - clip.fps) > SAME_RATE:
        return "video and reference need the same frame rate"
    return ""
