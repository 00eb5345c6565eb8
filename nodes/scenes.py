"""Sizes and lengths of what was wired, made to fit and said."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..skyreels_core.audio.voice import Voice
from ..skyreels_core.conditioning.shots import Animation, VideoEdit, check_edit
from ..skyreels_core.errors import InputError
from ..skyreels_core.timeline import Timeline, snap_size
from ..skyreels_core.video.reading import fit
from .host.scene import Scene
from .host.whisper import voice_of


def animation_scene(
    tokens: Any, vae, picture: Tensor | None, width: int, height: int
) -> tuple[Scene, list[str]]:
    """The scene of a picture [b h w 3], the first of its batch, and what was done to it."""
    voice = needed_voice(tokens)
    if picture is None and not (width and height):
        raise InputError(
            f"There is no picture to take the size {width}x{height} from. Give a width and a height, or a picture."
        )
    own = (0, 0) if picture is None else (picture.shape[2], picture.shape[1])
    (width, height), lines = snapped(width or own[0], height or own[1])
    placed = None
    if picture is not None:
        placed, done = fit(picture[0, ..., :3].cpu(), width, height)
        lines.append(f"Picture: {done}.")
    scene = Scene(Animation(placed, width, height), voice, voice.timeline, vae)
    return scene, [length_line(voice.timeline), *lines]


def edit_scene(
    tokens: Any, vae, video: Tensor, mask: Tensor, hybrid: float, width: int, height: int, length: str
) -> tuple[Scene, list[str]]:
    """The scene of a video [f h w 3] and what was done to it."""
    voice = needed_voice(tokens)
    video, mask = video[..., :3].cpu(), mask.cpu()
    check_edit(video, mask)
    spoken = voice.timeline.frames
    timeline = Timeline(min(len(video), spoken) if length == "shortest" else spoken, voice.timeline.fps)
    size, lines = snapped(width or video.shape[2], height or video.shape[1])
    if timeline.frames > len(video):
        lines.append(f"The last frame is repeated for {timeline.frames - len(video)} frames.")
    if timeline.frames < len(video):
        lines.append(f"Of the video's {len(video)} frames, {timeline.frames} are used: the voice ends there.")
    if timeline.frames < spoken:
        lines.append(f"Of the voice's {spoken} frames, {timeline.frames} are used: the video ends there.")
    shot = VideoEdit(video[: timeline.frames], mask[: timeline.frames], hybrid).scaled(*size)
    return Scene(shot, voice, timeline, vae), [length_line(timeline), *lines]


def needed_voice(tokens: Any) -> Voice:
    voice = voice_of(tokens)
    if voice is None:
        raise InputError(
            "These tokens do not say how many frames they speak over. Take them from Audio To Tokens, in the place of "
            "Audio Encoder Encode."
        )
    return voice


def snapped(width: int, height: int) -> tuple[tuple[int, int], list[str]]:
    size = snap_size(width), snap_size(height)
    if size == (width, height):
        return size, []
    return size, [f"The size {width}x{height} becomes {size[0]}x{size[1]}: multiples of 16 are needed."]


def length_line(timeline: Timeline) -> str:
    made = timeline.padded_frames
    spare = f"; {made} are made, the spare ones are cut at the end" if made > timeline.frames else ""
    return f"{timeline.frames} frames at {timeline.fps:g} fps, {timeline.seconds:.2f} s{spare}."
