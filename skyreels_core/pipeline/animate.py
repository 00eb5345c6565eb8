"""A picture, or none, and a voice to a talking portrait."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..audio.reading import cut_voice
from ..conditioning.demo import beyond_demo
from ..conditioning.fitting import Shape, fit_picture
from ..conditioning.prompts import PromptSchedule
from ..conditioning.shots import Animation
from ..evaluation.continuity import ContinuityMeter
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.resume import WorkFolder, digest
from ..run.settings import Settings
from ..timeline import Timeline
from .evaluator import CoreEvaluator
from .frames import finished_frames, measured
from .inputs import begin_work
from .options import Progress, Run, check_models, check_voice
from .result import Result
from .room import check_room
from .sampler import encode_inputs, encode_shot, plan_windows, sample


def animate(
    bundle: Bundle,
    audio: Audio,
    picture: Tensor | None = None,
    text: str | PromptSchedule = "",
    *,
    fit: Shape = "keep_shape",
    settings: Settings | None = None,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
    work: WorkFolder | None = None,
) -> Result:
    """Let a picture [h w 3] in 0..1 speak; without one the text alone says what is seen.

    The video lasts as long as the voice, rounded up to a whole frame; `text` may change over time; `settings`
    are those that the model's file recommends unless given. `fit` decides about a picture of another shape than their
    size: the video keeps the picture's shape at that area, or the picture is cropped or padded. The latents are
    sampled at once, the frames are decoded as the result is read.
    With `work` the state is kept after each step, and a run that was cut goes on where it was.
    Raises InputError for sizes, lengths and options that cannot be used.
    """
    run = Run(bundle, settings or Settings.of(bundle.metadata), progress, check_cancel, work=work)
    run.settings.check()
    check_models(bundle)
    check_voice(audio)
    timeline = Timeline.from_seconds(audio.seconds, run.settings.fps)
    windows = plan_windows(run, timeline)
    run.report.say_all(PromptSchedule.of(text).untold(windows, timeline))
    shot = fit_shot(run, picture, fit)
    check_room(run, windows, shot)
    begin_work(run, audio, text, picture="none" if shot.picture is None else digest(shot.picture))
    tokens, prompts, clip_tokens = encode_inputs(run, audio, timeline, text, shot.picture)
    takes_picture = bundle.model.config.takes_picture
    conditions = encode_shot(run, shot, windows) if takes_picture else None
    evaluator = CoreEvaluator(
        bundle.model, bundle.adapter, tokens, timeline.fps, prompts, conditions, clip_tokens
    )
    latents = sample(run, windows, evaluator, editing=False)
    reference = None if shot.picture is None else lambda frame: shot.picture
    meter = ContinuityMeter.of(windows, timeline.fps, reference)
    frames = finished_frames(run, latents, meter.reference)
    return Result(measured(run, meter, frames), timeline.fps, cut_voice(audio, timeline), run.report)


def fit_shot(run: Run, picture: Tensor | None, shape: Shape) -> Animation:
    """The picture, if the backbone takes one, at about the size of the settings; what was done to it is said."""
    used = picture if run.bundle.model.config.takes_picture else None
    shot, lines = fit_picture(used, run.settings.width, run.settings.height, shape)
    run.report.size = shot.size
    run.report.say_all(lines)
    run.report.say_all(beyond_demo(run.bundle.adapter, shot))
    return shot
