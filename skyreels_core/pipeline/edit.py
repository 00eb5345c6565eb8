"""A video and another voice: the region of the mouth is regenerated, everything else stays as it was."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from torch import Tensor

from ..audio.reading import cut_voice
from ..conditioning.demo import beyond_demo
from ..conditioning.fitting import Length
from ..conditioning.prompts import PromptSchedule
from ..conditioning.visual import Footing, VideoEdit
from ..evaluation.edits import EditMeter
from ..media.footage import Footage, Frames, TruncatedFrames
from ..media.region import Region, as_region, checked_region
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.plan import RunPlan
from ..run.resume import WorkFolder
from ..run.resume.fingerprint import digest_frames
from ..run.settings import Settings
from .dealt import Workers
from .finish import Edited
from .frames import FinishedFrames, Result, finish_of, kept_latents
from .inputs import begin_work
from .planning import check_models, checked_settings, facts_of, plan_edit
from .resources import check_resources
from .run import Progress, Run
from .sampler import make_latents


def edit(
    bundle: Bundle,
    video: Footage,
    audio: Audio,
    mask: Region | Tensor,
    text: str | PromptSchedule = "",
    *,
    length: Length = "shortest",
    settings: Settings | None = None,
    plan: RunPlan | None = None,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
    work: WorkFolder | None = None,
    workers: Workers | None = None,
) -> Result:
    """Re-dub a video.

    mask: the region to regenerate, at the video's size: of `find_region`, or [f h w] of 0 and 1, or [1 h w] for
    all frames. Video and mask are read as they are needed, several times: their length takes no memory. The model
    works at about the area of the settings' size; the result has the video's own size and frame rate,
    and pixels beyond the mask's feathered edge are the video's own. `length` decides how long it is.
    A `plan` of `plan_edit`, with checked settings, goes before them.
    With `work` the state is kept after each step, and a run that was cut goes on where it was. With `workers` they
    compute the forward passes.
    Raises InputError for sizes, lengths, masks and options that cannot be used.
    """
    if plan is None:
        chosen = checked_settings(bundle, settings)
        plan = plan_edit(chosen, facts_of(bundle), video, audio, length)
    check_models(bundle)
    region = checked_region(video, as_region(mask))
    run = Run(bundle, plan, progress, check_cancel, work, workers)
    shown = TruncatedFrames(video, plan.finished.frames)
    visual = generated_edit(plan, shown, region)
    run.report.say_all(PromptSchedule.of(text).unused_prompts(plan.windows, plan.timeline))
    run.report.say_all(beyond_demo(bundle.audio_layers, visual))
    needed = check_resources(run)
    kept = None if work is None else begin_edit(run, work, audio, text, visual)
    latents = make_latents(run, audio, text, visual, visual.frame(0), needed, kept)
    meter = EditMeter() if plan.is_pinned else None
    edited = Edited(shown, region, None, plan.settings.composite, meter, around=plan.is_pinned)
    compared = VideoEdit(shown, region, plan.size).frame
    frames = FinishedFrames(run, kept_latents(run, latents), finish_of(plan, visual.frame, edited, compared))
    return Result(frames, plan.finished.fps, cut_voice(audio, plan.finished), run.report)


def generated_edit(plan: RunPlan, shown: Frames, region: Region) -> VideoEdit:
    """What the windows are shown: the frames of the video, or those at the times of the frames that are generated."""
    hybrid = plan.settings.hybrid
    if plan.edited is None:
        return VideoEdit(shown, region, plan.size, hybrid)
    return VideoEdit.at_rate(plan.timeline, Footing(shown, region, plan.edited), plan.size, hybrid)


def begin_edit(
    run: Run, work: WorkFolder, audio: Audio, text: str | PromptSchedule, visual: VideoEdit
) -> MutableMapping[str, Tensor]:
    """Tell the run state what goes into the run; where it keeps what the windows are shown."""
    pixels = {"video": digest_frames(visual.source.stream()), "mask": digest_frames(visual.region.stream())}
    begin_work(run, audio, text, **pixels)
    return work.tensors("conditions")
