"""The scene of what was wired, and what was snapped to make it fit."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..skyreels_core.audio.features import AudioFeatures
from ..skyreels_core.conditioning.fitting import Length, Shape, fit_length, fit_picture, fit_size
from ..skyreels_core.conditioning.shots import VideoEdit
from ..skyreels_core.errors import InputError
from ..skyreels_core.media.footage import TruncatedFrames, following
from ..skyreels_core.media.region import Region, check_edit
from ..skyreels_core.timeline import Timeline
from .host.checks import check_vae
from .host.footage import footage_of, rate_of
from .host.scene import Scene
from .host.whisper import needed_voice
from .tensors import to_frames, to_region


def animation_scene(
    tokens: Any, vae, images: Tensor | None, width: int, height: int, shape: Shape
) -> tuple[Scene, list[str]]:
    """The scene of an IMAGE, the first of its batch; a side of 0 is the picture's own."""
    return picture_scene(needed_voice(tokens), vae, images, width, height, shape)


def picture_scene(
    voice: AudioFeatures, vae, images: Tensor | None, width: int, height: int, shape: Shape
) -> tuple[Scene, list[str]]:
    check_vae(vae)
    picture = None if images is None else to_frames(images)[0]
    if picture is None and not (width and height):
        raise InputError(
            f"There is no picture to take the size {width}x{height} from. Give a width and a height, or a picture."
        )
    own = (0, 0) if picture is None else picture.shape[:2]
    shot, lines = fit_picture(picture, width or own[1], height or own[0], shape)
    made = f"The video is {shot.width}x{shot.height}."
    return Scene(shot, voice, voice.timeline, vae), [length_line(voice.timeline), made, *lines]


def edit_scene(
    tokens: Any, vae, video, mask: Tensor | Region, hybrid: float, width: int, height: int, length: Length
) -> tuple[Scene, list[str]]:
    """The scene of an IMAGE or a VIDEO, and its mask; a side of 0 is the video's own."""
    check_vae(vae)
    voice = needed_voice(tokens)
    source = footage_of(video)
    region = following(to_region(mask), source)
    fps, of_rate = rate_of(source, voice.timeline.fps)
    voice = voice.at(fps)
    check_edit(source, region)
    timeline, lines = fit_length(len(source), voice.timeline.frames, fps, length)
    size, snapped = fit_size(width or source.size[0], height or source.size[1])
    shot = VideoEdit(TruncatedFrames(source, timeline.frames), region, size, hybrid)
    return Scene(shot, voice, timeline, vae), [*of_rate, *lines, *snapped]


def length_line(timeline: Timeline) -> str:
    made = timeline.padded_frames
    spare = f"; {made} are generated, the surplus is trimmed at the end" if made > timeline.frames else ""
    return f"{timeline.frames} frames at {timeline.fps:g} fps, {timeline.seconds:.2f} s{spare}."
