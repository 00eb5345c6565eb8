"""A video and another voice: the region of the mouth is made anew, everything else stays as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from ..audio.reading import Audio
from ..conditioning.conditions import no_picture, video_editing
from ..conditioning.masks import feather
from ..errors import InputError
from ..model.bundle import Bundle
from ..model.preset import SamplingPreset
from ..sampling.fusion import WindowPlan
from ..timeline import Timeline, frames_of, snap_size
from ..video.compositing import composite
from ..video.reading import Fit, Video
from .evaluator import CoreEvaluator, WindowConditions
from .frames import finished_frames
from .options import DEFAULTS, Progress, Run, Settings, check_models, check_options, check_size, check_voice
from .result import Result
from .sampler import cut_voice, encode_inputs, plan_windows, sample

FEATHER = 1 / 32  # of the source's shorter side

Length = Literal["shortest", "voice", "video"]
LENGTHS: tuple[Length, ...] = ("shortest", "voice", "video")


@dataclass(frozen=True)
class Source:
    """The frames [f h w 3] that are edited and their mask [f h w] or [1 h w]; the last one lasts for ever."""

    frames: Tensor
    mask: Tensor  # 1 = made anew

    def frame(self, index: int) -> Tensor:
        return self.frames[min(index, len(self.frames) - 1)]

    def scaled(self, width: int, height: int) -> Source:
        """At the model's size; a pixel is made anew where any of its source pixels is."""
        source = self.frames.shape[2], self.frames.shape[1]
        frames = Fit(source, (width, height), (width, height)).apply(self.frames)
        return Source(frames, adaptive_max_pool2d((self.mask > 0.5).float(), (height, width)))


def edit(
    bundle: Bundle,
    video: Video,
    audio: Audio,
    mask: Tensor,
    text: str = "",
    *,
    length: Length = "shortest",
    preset: SamplingPreset | None = None,
    settings: Settings = DEFAULTS,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
) -> Result:
    """Let the people in a video say something else.

    mask: [f h w], or [1 h w] for all frames, at the video's size, 1 = to be made anew (`find_region`). The
    model works at about the area of the preset's size; the result has the video's own size and frame rate,
    and pixels beyond the mask's feathered edge are the video's own. `length` decides how long it is.
    Raises InputError for sizes, lengths, masks and options that cannot be used.
    """
    preset = replace(preset or bundle.sampling, fps=video.fps)
    run = Run(bundle, preset, settings, progress, check_cancel)
    check_options(preset, settings)
    check_editor(bundle)
    check_voice(audio)
    check_source(video, mask)
    timeline = edit_timeline(run, video, audio, length)
    frames = video.frames[: timeline.frames]
    source = Source(frames, mask[: len(frames)])
    windows = plan_windows(run, timeline)
    scaled = source.scaled(*model_size(run, source))
    tokens, prompts, clip_tokens = encode_inputs(run, audio, timeline, text, scaled.frame(0))
    conditions = editing_conditions(run, scaled, windows)
    evaluator = CoreEvaluator(
        bundle.model, bundle.adapter, tokens, timeline.fps, prompts, conditions, clip_tokens
    )
    latents = sample(run, windows, evaluator, text, editing=True)
    made = finished_frames(run, latents, scaled.frame)
    return Result(
        place_back(made, source, settings.composite), timeline.fps, cut_voice(audio, timeline), run.report
    )


def check_source(video: Video, mask: Tensor) -> None:
    """Raises InputError for a video that cannot be edited or a mask that does not belong to it."""
    height, width = video.frames.shape[1:3]
    check_size(width, height, "video to be edited")
    if mask.shape[1:] != (height, width) or 1 < len(mask) < len(video.frames):
        raise InputError(
            f"The mask is {list(mask.shape)} and the video {list(video.frames.shape[:3])} (frames, height, "
            "width): give a mask of the same size with a frame for each video frame, or a single one for all."
        )
    if not (mask > 0.5).any():
        raise InputError("The mask is black everywhere, so nothing would change; white is what is made anew.")


def check_editor(bundle: Bundle) -> None:
    check_models(bundle)
    if not bundle.model.config.takes_picture:
        raise InputError(
            "This backbone takes no picture (16 input channels), so it cannot edit a video. Give a model "
            "with 36 input channels."
        )


def edit_timeline(run: Run, video: Video, audio: Audio, length: Length) -> Timeline:
    """How long the edit is; what decided it, and what is filled, is said."""
    if length not in LENGTHS:
        raise InputError(f"The length {length!r} is unknown; use one of {', '.join(LENGTHS)}.")
    shown, spoken = len(video.frames), Timeline.from_seconds(audio.seconds, video.fps).frames
    frames = {"shortest": min(shown, spoken), "voice": spoken, "video": shown}[length]
    deciding = "voice" if frames == spoken else "video"
    run.report.say(f"The edit has {frames} frames, {frames / video.fps:.2f} s: as long as the {deciding}.")
    if frames > shown:
        run.report.say(f"The video's last frame is repeated for {frames - shown} of {frames} frames.")
    if frames > spoken:
        run.report.say(f"Silence follows the voice for {frames - spoken} of {frames} frames.")
    return Timeline(frames, video.fps)


def model_size(run: Run, source: Source) -> tuple[int, int]:
    """Width and height of about the preset's area in about the source's shape, on the backbone's grid."""
    height, width = source.frames.shape[1:3]
    scale = math.sqrt(run.preset.width * run.preset.height / (width * height))
    size = snap_size(round(width * scale)), snap_size(round(height * scale))
    if size != (width, height):
        run.report.say(f"The model works at {size[0]}x{size[1]}, the video keeps {width}x{height}.")
    run.report.size = size
    return size


def editing_conditions(run: Run, scaled: Source, windows: WindowPlan) -> WindowConditions:
    vae, conditions, empty = run.bundle.vae, {}, None
    with run.report.stage("conditions"):
        for window in windows.windows:
            run.ask_to_go_on()
            both = video_editing(vae, scaled.frames, scaled.mask, window.start, window.length)
            conditions |= {(window.index, "video"): both.video, (window.index, "first"): both.first}
            run.advance("conditions", window.index + 1, len(windows.windows))
        if run.settings.null_image:
            width, height = run.report.size
            empty = no_picture(vae, frames_of(windows.windows[0].length), height, width)
    return WindowConditions(conditions, empty)


def place_back(made: Iterable[Tensor], source: Source, composited: bool) -> Iterator[Tensor]:
    """Frames of the model's size into those of the source; where the feathered mask is 0 nothing changes.

    Not composited, they are only scaled.
    """
    height, width = source.frames.shape[1:3]
    pixels = max(1, round(FEATHER * min(width, height)))
    for index, frame in enumerate(made):
        fitted = Fit((frame.shape[1], frame.shape[0]), (width, height), (width, height)).apply(frame)
        if not composited:
            yield fitted
            continue
        mask = source.mask[min(index, len(source.mask) - 1)][None]
        yield composite(source.frame(index)[None], fitted[None], feather(mask, pixels))[0]
