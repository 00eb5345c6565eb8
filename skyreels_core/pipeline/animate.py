"""A picture, or none, and a voice to a talking portrait."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..audio.reading import Audio
from ..conditioning.conditions import image_animation, no_picture
from ..model.bundle import Bundle
from ..model.preset import SamplingPreset
from ..sampling.fusion import WindowPlan
from ..timeline import Timeline, frames_of, snap_size
from ..video.reading import fit
from .evaluator import CoreEvaluator, WindowConditions
from .frames import finished_frames
from .options import DEFAULTS, Progress, Run, Settings, check_models, check_options, check_voice
from .result import Result
from .sampler import cut_voice, encode_inputs, plan_windows, sample


def animate(
    bundle: Bundle,
    audio: Audio,
    picture: Tensor | None = None,
    text: str = "",
    *,
    preset: SamplingPreset | None = None,
    settings: Settings = DEFAULTS,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
) -> Result:
    """Let a picture [h w 3] in 0..1 speak; without one the text alone says what is seen.

    The video lasts as long as the voice, rounded up to a whole frame; `preset` is the bundle's own unless
    given. The latents are sampled at once, the frames are decoded as the result is read.
    Raises InputError for sizes, lengths and options that cannot be used.
    """
    run = Run(bundle, preset or bundle.sampling, settings, progress, check_cancel)
    check_options(run.preset, settings)
    check_models(bundle)
    check_voice(audio)
    timeline = Timeline.from_seconds(audio.seconds, run.preset.fps)
    windows = plan_windows(run, timeline)
    picture = place_picture(run, picture)
    tokens, prompts, clip_tokens = encode_inputs(run, audio, timeline, text, picture)
    with run.report.stage("conditions"):
        conditions = animation_conditions(run, picture, windows)
    evaluator = CoreEvaluator(
        bundle.model, bundle.adapter, tokens, timeline.fps, prompts, conditions, clip_tokens
    )
    latents = sample(run, windows, evaluator, text, editing=False)
    reference = None if picture is None else lambda frame: picture
    frames = finished_frames(run, latents, reference)
    return Result(frames, timeline.fps, cut_voice(audio, timeline), run.report)


def place_picture(run: Run, picture: Tensor | None) -> Tensor | None:
    """The picture at the preset's size, snapped to the backbone's grid; what was done to it is said."""
    width, height = snap_size(run.preset.width), snap_size(run.preset.height)
    run.report.size = width, height
    if (width, height) != (run.preset.width, run.preset.height):
        run.report.say(f"The size {run.preset.width}x{run.preset.height} becomes {width}x{height}.")
    if picture is None or not run.bundle.model.config.takes_picture:
        run.report.say("No picture is used: text and voice alone say what is seen.")
        return None
    placed, done = fit(picture, width, height)
    run.report.say(f"Picture: {done}.")
    return placed


def animation_conditions(run: Run, picture: Tensor | None, windows: WindowPlan) -> WindowConditions | None:
    """All windows have one length, so one condition serves them all."""
    if not run.bundle.model.config.takes_picture:
        return None
    vae, frames = run.bundle.vae, frames_of(windows.windows[0].length)
    width, height = run.report.size
    empty = no_picture(vae, frames, height, width) if picture is None or run.settings.null_image else None
    condition = empty if picture is None else image_animation(vae, picture, frames)
    shared = {(window.index, "video"): condition for window in windows.windows}
    return WindowConditions(shared, empty)
