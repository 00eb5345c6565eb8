"""Latents to finished frames, one at a time: memory does not grow with the length."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from torch import Tensor

from ..video.colour import SMOOTHING_SECONDS, ColourStatistics, apply, measure
from .options import Run

GAUSSIAN_REACH = 4  # sigmas, where the smoothing filter ends


def finished_frames(run: Run, latents: Tensor, reference: Callable[[int], Tensor] | None) -> Iterator[Tensor]:
    """The frames [h w 3] in 0..1 of latents [1 16 t h w], as many as the report says, the colours unified.

    reference: the picture [h w 3] whose colours a frame should have, by the frame's index; None: frame 0.
    """
    frames = run.report.timed("decoding", decode(run, latents))
    return unify(run, frames, reference) if run.settings.colour_strength else frames


def decode(run: Run, latents: Tensor) -> Iterator[Tensor]:
    done = 0
    for chunk in run.bundle.vae.decode_stream(latents):
        run.ask_to_go_on()
        for frame in chunk[0].movedim(0, -1).cpu().contiguous()[: run.report.frames - done]:
            done += 1
            run.advance("decoding", done, run.report.frames)
            yield (frame + 1) / 2


def unify(run: Run, frames: Iterator[Tensor], reference: Callable[[int], Tensor] | None) -> Iterator[Tensor]:
    """A frame waits until the statistics are known as far ahead as the smoothing in time reaches."""
    reach = math.ceil(GAUSSIAN_REACH * SMOOTHING_SECONDS * run.report.fps)
    waiting: deque[Tensor] = deque()
    measured: list[ColourStatistics] = []
    for index, frame in enumerate(frames):
        reference = reference or (lambda _, first=frame: first)
        with run.report.stage("colours"):
            measured.append(measure(frame[None], reference(index)))
        waiting.append(frame)
        if len(waiting) > reach:
            yield corrected(run, waiting.popleft(), measured, index - reach, reach)
    for index in range(len(measured) - len(waiting), len(measured)):
        yield corrected(run, waiting.popleft(), measured, index, reach)


def corrected(run: Run, frame: Tensor, measured: list[ColourStatistics], index: int, reach: int) -> Tensor:
    first = max(0, index - reach)
    with run.report.stage("colours"):
        near = ColourStatistics.join(measured[first : index + reach + 1]).smoothed(run.report.fps)
        own = near[index - first : index - first + 1]
        return apply(frame[None], own, run.settings.colour_strength)[0]
