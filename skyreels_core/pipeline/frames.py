"""Latents to the finished frames of a run, with its progress and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..evaluation.continuity import ContinuityMeter
from ..evaluation.edits import EditMeter
from ..media.sound import Audio
from ..model.vae import Latents
from ..run.plan import RunPlan
from ..run.spilled import SpilledLatents
from .finish import Edited, Finish, Reference
from .result import Report
from .run import Progress, Run


def finish_of(
    plan: RunPlan,
    reference: Reference | None,
    edited: Edited | None = None,
    compared: Reference | None = None,
) -> Finish:
    timeline, strength = plan.finished, plan.settings.colour_strength
    finish = Finish(timeline.frames, timeline.fps, strength, reference, edited, plan.windows)
    return finish if plan.edited is None else replace(finish, generated=plan.timeline, compared=compared)


def kept_latents(run: Run, latents: Tensor) -> Latents:
    """On the disk where the run's state is: what is decoded takes no memory that grows with the length."""
    return latents if run.work is None else SpilledLatents(latents, run.work.path)


class ResultFrames(Protocol):
    """Finished frames [h w 3] in 0..1, decoded one by one as they are read, again too."""

    @property
    def size(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Tensor]: ...

    def stream(
        self, progress: Progress | None = None, check_cancel: Callable[[], None] | None = None
    ) -> Iterator[Tensor]: ...


@dataclass(frozen=True, eq=False)
class FinishedFrames:
    """The frames [h w 3] in 0..1 of latents [1 16 t h w]. Whoever reads them, again too, has them decoded one by one;
    once the last one was read the report has what they are like."""

    run: Run
    latents: Latents
    finish: Finish

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.run.plan.size if self.finish.edited is None else self.finish.edited.source.size

    def __len__(self) -> int:
        return self.finish.frames

    def __iter__(self) -> Iterator[Tensor]:
        return self.stream()

    def stream(
        self, progress: Progress | None = None, check_cancel: Callable[[], None] | None = None
    ) -> Iterator[Tensor]:
        """With others to tell and to ask than those of the run."""
        meter, changed = self.finish.meter(), self.changed
        yield from self.measured(meter, progress, check_cancel)
        self.run.report.found(meter.result(), None if changed is None else changed.findings())

    def measured(
        self,
        meter: ContinuityMeter,
        progress: Progress | None = None,
        check_cancel: Callable[[], None] | None = None,
    ) -> Iterator[Tensor]:
        """The same frames; the report says nothing of them, as suits a part of a video."""
        report = self.run.report
        if self.changed is not None:
            self.changed.reset()
        decoded = self._decoded(progress or self.run.progress, check_cancel or self.run.check_cancel)
        yield from self.finish.stream(report.timed("decoding", decoded), meter, report.stage)

    @property
    def changed(self) -> EditMeter | None:
        """Of a pinned edit, whose frames it has seen once they were read."""
        changed = None if self.finish.edited is None else self.finish.edited.changed
        return changed if isinstance(changed, EditMeter) else None

    def _decoded(
        self, progress: Progress | None, check_cancel: Callable[[], None] | None
    ) -> Iterator[Tensor]:
        done, frames = 0, self.run.plan.timeline.frames
        for chunk in self.run.bundle.vae.decode_stream(self.latents):
            if check_cancel is not None:
                check_cancel()
            for frame in chunk[0].movedim(0, -1).cpu().contiguous()[: frames - done]:
                done += 1
                if progress is not None:
                    progress("decoding", done, frames, "")
                yield (frame + 1) / 2


@dataclass(frozen=True)
class Result:
    """What a run gives."""

    frames: ResultFrames
    fps: float
    audio: Audio  # exactly as long as the frames
    report: Report

    def tensor(self) -> Tensor:
        """All frames at once, [f h w 3]."""
        return torch.stack(list(self.frames))
