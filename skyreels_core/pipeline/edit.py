"""A video and another voice: the region of the mouth is made anew, everything else stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping

from torch import Tensor

from ..audio.reading import cut_voice
from ..conditioning.demo import beyond_demo
from ..conditioning.fitting import Length, fit_length, keep_shape
from ..conditioning.prompts import PromptSchedule
from ..conditioning.shots import VideoEdit
from ..errors import InputError
from ..evaluation.continuity import ContinuityMeter
from ..media.compositing import place_back, scale_to
from ..media.footage import Cut, Footage, lasting
from ..media.region import Region, as_region, check_edit
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.resume import WorkFolder
from ..run.resume.fingerprint import digest_frames
from ..run.settings import Settings
from ..timeline import Timeline, check_size
from ..windows import WindowPlan
from .evaluator import CoreEvaluator
from .frames import finished_frames, measured
from .inputs import begin_work
from .options import Progress, Run, check_models, check_voice
from .result import Result
from .room import check_room
from .sampler import encode_inputs, encode_shot, plan_windows, sample


def edit(
    bundle: Bundle,
    video: Footage,
    audio: Audio,
    mask: Region | Tensor,
    text: str | PromptSchedule = "",
    *,
    length: Length = "shortest",
    settings: Settings | None = None,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
    work: WorkFolder | None = None,
) -> Result:
    """Let the people in a video say something else.

    mask: what is to be made anew, at the video's size: of `find_region`, or [f h w] of 0 and 1, or [1 h w] for
    all frames. Video and mask are read as they are needed, several times: their length takes no memory. The model
    works at about the area of the settings' size; the result has the video's own size and frame rate,
    and pixels beyond the mask's feathered edge are the video's own. `length` decides how long it is.
    With `work` the state is kept after each step, and a run that was cut goes on where it was.
    Raises InputError for sizes, lengths, masks and options that cannot be used.
    """
    settings = (settings or Settings.of(bundle.metadata)).override(fps=video.fps)
    run = Run(bundle, settings, progress, check_cancel, work=work)
    settings.check()
    check_editor(bundle)
    check_voice(audio)
    region = as_region(mask)
    check_source(video, region)
    timeline = edit_timeline(run, video, audio, length)
    shot = VideoEdit(Cut(video, timeline.frames), region, model_size(run, video), settings.hybrid)
    windows = plan_windows(run, timeline)
    run.report.say_all(PromptSchedule.of(text).untold(windows, timeline))
    run.report.say_all(beyond_demo(bundle.adapter, shot))
    check_room(run, windows, shot)
    kept = None if work is None else begin_edit(run, work, audio, text, shot)
    tokens, prompts, clip_tokens = encode_inputs(run, audio, timeline, text, shot.frame(0))
    conditions = encode_shot(run, shot, windows, kept)
    evaluator = CoreEvaluator(
        bundle.model, bundle.adapter, tokens, timeline.fps, prompts, conditions, clip_tokens
    )
    latents = sample(run, windows, evaluator, editing=True)
    frames = put_back(run, windows, shot, latents)
    return Result(frames, timeline.fps, cut_voice(audio, timeline), run.report)


def put_back(run: Run, windows: WindowPlan, shot: VideoEdit, latents: Tensor) -> Iterator[Tensor]:
    """The finished frames at the video's size, measured where they were made anew."""
    masks = lasting(Cut(shot.region, len(shot.source)).stream())
    meter = ContinuityMeter.of(windows, run.report.fps, shot.frame, masks)
    made = finished_frames(run, latents, meter.reference)
    if run.settings.composite:
        return measured(run, meter, place_back(made, shot.source, shot.region))
    return measured(run, meter, scale_to(made, *shot.source.size))


def begin_edit(
    run: Run, work: WorkFolder, audio: Audio, text: str | PromptSchedule, shot: VideoEdit
) -> MutableMapping[str, Tensor]:
    """Tell the work folder what goes into the run; where it keeps what the windows are shown."""
    pixels = {"video": digest_frames(shot.source.stream()), "mask": digest_frames(shot.region.stream())}
    begin_work(run, audio, text, **pixels)
    return work.tensors("conditions")


def check_source(video: Footage, region: Region) -> None:
    """Raises InputError for a video that cannot be edited or a region that does not belong to it."""
    check_size(*video.size, "video to be edited")
    check_edit(video, region)


def check_editor(bundle: Bundle) -> None:
    check_models(bundle)
    if not bundle.model.config.takes_picture:
        raise InputError(
            "This backbone takes no picture (16 input channels), so it cannot edit a video. Give a model "
            "with 36 input channels."
        )


def edit_timeline(run: Run, video: Footage, audio: Audio, length: Length) -> Timeline:
    """How long the edit is; what decided it, and what is filled, is said."""
    spoken = Timeline.from_seconds(audio.seconds, video.fps).frames
    timeline, lines = fit_length(len(video), spoken, video.fps, length)
    run.report.say_all(lines)
    return timeline


def model_size(run: Run, video: Footage) -> tuple[int, int]:
    """Width and height of about the settings' area in about the video's shape, on the backbone's grid."""
    width, height = video.size
    size = keep_shape(video.size, run.settings.width, run.settings.height)
    if size != (width, height):
        run.report.say(f"The model works at {size[0]}x{size[1]}, the video keeps {width}x{height}.")
    run.report.size = size
    return size
