"""A picture, or none, and a voice to a talking portrait."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..audio.reading import Audio, cut_voice
from ..conditioning.shots import Animation
from ..model.bundle import Bundle
from ..model.preset import SamplingPreset
from ..timeline import Timeline, snap_size
from ..video.reading import fit
from .evaluator import CoreEvaluator
from .frames import finished_frames
from .options import DEFAULTS, Progress, Run, Settings, check_models, check_options, check_voice
from .result import Result
from .sampler import encode_inputs, encode_shot, plan_windows, sample


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
    takes_picture = bundle.model.config.takes_picture
    conditions = encode_shot(run, Animation(picture, *run.report.size), windows) if takes_picture else None
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
