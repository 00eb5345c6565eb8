"""Colour unification of frames that come one by one: memory does not grow with the length."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor

from .colour import SMOOTHING_SECONDS, ColourStatistics, apply, measure, measure_around

GAUSSIAN_REACH = 4  # sigmas, where the smoothing filter ends


def frames_ahead(fps: float) -> int:
    """How many frames wait for the statistics of those after them."""
    return math.ceil(GAUSSIAN_REACH * SMOOTHING_SECONDS * fps)


def unify_stream(
    frames: Iterable[Tensor],
    fps: float,
    strength: float = 1.0,
    reference: Callable[[int], Tensor] | None = None,
    stage: Callable[[], AbstractContextManager] = nullcontext,
    ring: Callable[[int, tuple[int, int]], Tensor] | None = None,
) -> Iterator[Tensor]:
    """Frames [h w 3] in 0..1 with their drift from the reference removed, as `colour.unify_clip` does it.

    A frame waits until the statistics are known as far ahead as the smoothing in time reaches: 4 s.
    reference: the picture [h w 3] whose colours a frame should have, by the frame's index; None: frame 0.
    `strength` 0..1 is the share that is removed, 0 gives the frames as they came. `stage` is entered for
    what is done here, without the wait for frames. `ring`, by index and (width, height), says where [h w] > 0.5 a
    frame is compared; None: everywhere.
    Raises InputError for a reference of another size.
    """
    if strength == 0:
        yield from frames
        return
    reach = frames_ahead(fps)
    waiting: deque[Tensor] = deque()
    measured: deque[ColourStatistics] = deque()  # of the frames that wait, and as many before them as matter

    def corrected() -> Tensor:
        while (past := len(measured) - len(waiting)) > reach:
            measured.popleft()
        with stage():
            own = ColourStatistics.join(measured).smoothed(fps)[past : past + 1]
            return apply(waiting.popleft()[None], own, strength)[0]

    for index, frame in enumerate(frames):
        reference = reference or (lambda _, first=frame: first)
        with stage():
            measured.append(
                _measured(frame, reference(index), ring and ring(index, (frame.shape[1], frame.shape[0])))
            )
        waiting.append(frame)
        if len(waiting) > reach:
            yield corrected()
    while waiting:
        yield corrected()


def _measured(frame: Tensor, reference: Tensor, ring: Tensor | None) -> ColourStatistics:
    return measure(frame[None], reference) if ring is None else measure_around(frame, reference, ring)
