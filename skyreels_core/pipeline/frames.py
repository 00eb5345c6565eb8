"""Latents to finished frames, one at a time: memory does not grow with the length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from torch import Tensor

from ..evaluation.continuity import ContinuityMeter
from ..media.unify import unify_stream
from .run import Run


def finished_frames(run: Run, latents: Tensor, reference: Callable[[int], Tensor] | None) -> Iterator[Tensor]:
    """The frames [h w 3] in 0..1 of latents [1 16 t h w], as many as planned, the colours unified.

    reference: the picture [h w 3] whose colours a frame should have, by the frame's index; None: frame 0.
    """
    frames = run.report.timed("decoding", decode(run, latents))
    colours = partial(run.report.stage, "colours")
    return unify_stream(frames, run.plan.timeline.fps, run.plan.settings.colour_strength, reference, colours)


def measured(run: Run, meter: ContinuityMeter, frames: Iterable[Tensor]) -> Iterator[Tensor]:
    """The finished frames; once the last one was read the report has what the meter found."""
    for frame in frames:
        with run.report.stage("measuring"):
            meter.add(frame)
        yield frame
    run.report.continuity = meter.result()
    run.report.say(str(run.report.continuity))


def decode(run: Run, latents: Tensor) -> Iterator[Tensor]:
    done, frames = 0, run.plan.timeline.frames
    for chunk in run.bundle.vae.decode_stream(latents):
        run.ask_to_go_on()
        for frame in chunk[0].movedim(0, -1).cpu().contiguous()[: frames - done]:
            done += 1
            run.advance("decoding", done, frames)
            yield (frame + 1) / 2
