"""A picture, or none, and a voice to a talking portrait."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..audio.reading import cut_voice
from ..conditioning.demo import beyond_demo
from ..conditioning.fitting import Shape, place_picture
from ..conditioning.prompts import PromptSchedule
from ..conditioning.visual import Animation
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.plan import RunPlan
from ..run.resume import WorkFolder, digest
from ..run.settings import Settings
from .dealt import Workers
from .frames import FinishedFrames, Result, finish_of, kept_latents
from .inputs import begin_work
from .planning import check_models, checked_settings, facts_of, plan_animation
from .resources import check_resources
from .run import Progress, Run
from .sampler import make_latents


def animate(
    bundle: Bundle,
    audio: Audio,
    picture: Tensor | None = None,
    text: str | PromptSchedule = "",
    *,
    fit: Shape = "keep_shape",
    settings: Settings | None = None,
    plan: RunPlan | None = None,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
    work: WorkFolder | None = None,
    workers: Workers | None = None,
) -> Result:
    """Animate a picture [h w 3] in 0..1; without one the prompt alone decides.

    The video lasts as long as the voice, rounded up to a whole frame; `text` may change over time; `settings`
    are those that the model's file recommends unless given. `fit` decides about a picture of another shape than their
    size: the video keeps the picture's shape at that area, or the picture is cropped or padded. The latents are
    sampled at once, the frames are decoded as the result is read. A `plan` of `plan_animation`, with checked settings,
    goes before them.
    With `work` the state is kept after each step, and a run that was cut goes on where it was. With `workers` they
    compute the forward passes.
    Raises InputError for sizes, lengths and options that cannot be used.
    """
    if plan is None:
        chosen = checked_settings(bundle, settings)
        plan = plan_animation(chosen, facts_of(bundle), audio, picture, fit)
    check_models(bundle)
    run = Run(bundle, plan, progress, check_cancel, work, workers)
    run.report.say_all(PromptSchedule.of(text).unused_prompts(plan.windows, plan.timeline))
    visual = placed_picture(run, picture, fit)
    needed = check_resources(run)
    begin_work(run, audio, text, picture="none" if visual.picture is None else digest(visual.picture))
    latents = make_latents(run, audio, text, visual, visual.picture, needed)
    portrait = visual.picture
    reference = None if portrait is None else lambda frame: portrait
    frames = FinishedFrames(run, kept_latents(run, latents), finish_of(plan, reference))
    return Result(frames, plan.timeline.fps, cut_voice(audio, plan.timeline), run.report)


def placed_picture(run: Run, picture: Tensor | None, fit: Shape) -> Animation:
    """The picture, if the backbone takes one, at the plan's size; what was done to it is said."""
    used = picture if run.plan.model.config.takes_picture else None
    visual, line = place_picture(used, run.plan.size, fit)
    run.report.say(line)
    run.report.say_all(beyond_demo(run.bundle.audio_layers, visual))
    return visual
