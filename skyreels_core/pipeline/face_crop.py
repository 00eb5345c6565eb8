"""An edit of small faces: each shot is edited in a box around its face, which is put back into the whole frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from ..audio.reading import cut_voice, span_of
from ..conditioning.crop import Shot, face_crops
from ..conditioning.prompts import PromptSchedule
from ..evaluation.continuity import ContinuityMeter
from ..evaluation.edits import EditMeter
from ..media.cropping import CroppedFrames, CroppedRegion
from ..media.footage import Footage, TruncatedFrames
from ..media.region import Region, checked_region
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.plan import RunPlan
from ..run.resume import WorkFolder
from ..timeline import Timeline
from .dealt import Workers
from .edit import edit
from .frames import FinishedFrames, Result
from .put_back import Part, PutBack
from .result import Report
from .run import Progress


def edit_faces(
    bundle: Bundle,
    video: Footage,
    audio: Audio,
    mask: Region,
    text: str | PromptSchedule = "",
    *,
    plan: RunPlan,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
    work: WorkFolder | None = None,
    workers: Workers | None = None,
) -> Result:
    """`edit` of a box around the faces that the mask covers, shot by shot, each with its own span of the voice and of
    the prompts; shots without a face are the video's own.

    `plan` of `plan_edit` with a crop. With `work` each shot keeps its state in a folder of its own.
    Raises InputError as `edit` does, and where no shot has a face.
    """
    region = checked_region(video, mask)
    shown = TruncatedFrames(video, plan.finished.frames)
    shots = face_crops(shown, region, video.fps, plan.size)
    report = Report(plan)
    report.say_all((*plan.lines, *map(str, shots)))
    if work is not None:
        work.begin({"the face crop": f"{plan.size[0]}x{plan.size[1]}"})
    faces = [shot for shot in shots if shot.path is not None]
    whole = _Whole(
        bundle, video, region, audio, PromptSchedule.of(text), plan, report, work, check_cancel, workers
    )
    edits = [
        whole.edit(shot, number, _numbered(progress, number, len(faces))) for number, shot in enumerate(faces)
    ]
    put_back = PutBack(video, region, plan.finished.frames, video.fps, (), composite=plan.settings.composite)
    frames = PutBackFrames(put_back, edits, report, progress, check_cancel)
    return Result(frames, plan.finished.fps, cut_voice(audio, plan.finished), report)


@dataclass(frozen=True, eq=False)
class Edit:
    """What was made of one shot."""

    shot: Shot
    frames: FinishedFrames

    def part(self, progress: Progress | None, check_cancel: Callable[[], None] | None) -> Part:
        assert self.shot.path is not None
        frames, plan = self.frames, self.frames.run.plan
        windows = plan.windows if plan.edited is None else None
        read = partial(frames.measured, frames.finish.meter(), progress, check_cancel)
        return Part(self.shot.first, len(frames), self.shot.path, windows, read)

    def findings(self) -> Iterator[str]:
        if self.frames.changed is not None:
            last = self.shot.first + len(self.frames) - 1
            yield f"Frames {self.shot.first} to {last}: {self.frames.changed.findings()}"


@dataclass(frozen=True, eq=False)
class PutBackFrames:
    """The frames [h w 3] of the whole video. Whoever reads them, again too, has them decoded one by one; once the last
    one was read the report has what they are like."""

    put_back: PutBack  # without its parts
    edits: list[Edit]
    report: Report
    progress: Progress | None
    check_cancel: Callable[[], None] | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.put_back.source.size

    def __len__(self) -> int:
        return self.put_back.frames

    def __iter__(self) -> Iterator[Tensor]:
        return self.stream()

    def stream(
        self, progress: Progress | None = None, check_cancel: Callable[[], None] | None = None
    ) -> Iterator[Tensor]:
        """With others to tell and to ask than those of the run."""
        progress, ask = progress or self.progress, check_cancel or self.check_cancel
        parts = [edit.part(lambda *stage: None, ask) for edit in self.edits]
        for index, frame in enumerate(replace(self.put_back, parts=parts).stream(self._measured)):
            if ask is not None:
                ask()
            if progress is not None:
                progress("decoding", index + 1, len(self), "")
            yield frame

    def _measured(self, meter: ContinuityMeter) -> None:
        changed = [edit.frames.changed for edit in self.edits if edit.frames.changed is not None]
        whole = EditMeter()
        for each in changed:
            whole.merge(each)
        lines = [line for edit in self.edits for line in edit.findings()] if len(changed) > 1 else []
        self.report.found(meter.result(), whole.findings() if changed else None, lines)


@dataclass(frozen=True, eq=False)
class _Whole:
    """What the edits of single shots are parts of."""

    bundle: Bundle
    video: Footage
    region: Region
    audio: Audio
    text: PromptSchedule
    plan: RunPlan
    report: Report
    work: WorkFolder | None
    check_cancel: Callable[[], None] | None
    workers: Workers | None

    def edit(self, shot: Shot, number: int, progress: Progress | None) -> Edit:
        assert shot.path is not None
        fps, last = self.plan.finished.fps, self._last(shot)
        timeline = Timeline(last - shot.first, fps)
        voice = span_of(self.audio, shot.first, timeline)
        frames = CroppedFrames(self.video, shot.first, shot.path, fps)
        result = edit(
            self.bundle, frames, voice, CroppedRegion(self.region, shot.first, shot.path),
            self.text.within(shot.first / fps, last / fps),
            plan=RunPlan.of(self.plan.settings, self.plan.model, timeline, self.plan.size, "edit"),
            progress=progress, check_cancel=self.check_cancel,
            work=self.work and self.work.shot(number), workers=self.workers,
        )  # fmt: skip
        self._account(result.report)
        assert isinstance(result.frames, FinishedFrames)
        return Edit(shot, result.frames)

    def _last(self, shot: Shot) -> int:
        """The last frame of the video lasts as long as the voice, where that decides."""
        frames = self.plan.finished.frames
        return frames if shot.last >= len(self.video) else min(shot.last, frames)

    def _account(self, report: Report) -> None:
        whole = self.report
        whole.planned += report.planned
        whole.computed += report.computed
        whole.reused += report.reused
        for stage, seconds in report.seconds.items():
            whole.seconds[stage] += seconds
        report.seconds = whole.seconds  # decoding comes later
        whole.lines += [line for line in report.lines if line not in whole.lines]


def _numbered(progress: Progress | None, number: int, shots: int) -> Progress | None:
    """Progress that says which shot it is of."""
    if progress is None or shots == 1:
        return progress
    shot = f"shot {number + 1} of {shots}"
    return lambda stage, done, planned, what: progress(
        stage, done, planned, f"{shot}, {what}" if what else shot
    )
