"""Sizes and lengths made to fit; each function also gives the sentences that say what was changed."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from ..errors import InputError
from ..media.reading import fit
from ..timeline import LARGEST_SIDE, SMALLEST_SIDE, Timeline, snap_size
from .visual import Animation

Length = Literal["shortest", "voice", "video"]
LENGTHS: tuple[Length, ...] = ("shortest", "voice", "video")
Shape = Literal["keep_shape", "crop", "pad"]  # of a picture in the video's size
SHAPES: tuple[Shape, ...] = ("keep_shape", "crop", "pad")
MODES = {"keep_shape": "cover", "crop": "cover", "pad": "contain"}  # of `media.reading.fit`


def fit_size(width: int, height: int) -> tuple[tuple[int, int], list[str]]:
    """Width and height in pixels on the backbone's grid."""
    size = snap_size(width), snap_size(height)
    if size == (width, height):
        return size, []
    return size, [f"The size {width}x{height} becomes {size[0]}x{size[1]}."]


def keep_shape(shape: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Width and height of about the area width x height in about another `shape`, on the backbone's grid; all in
    pixels."""
    scale = math.sqrt(width * height / (shape[0] * shape[1]))
    return snap_size(round(shape[0] * scale)), snap_size(round(shape[1] * scale))


def fit_picture(
    picture: Tensor | None, width: int, height: int, shape: Shape = "keep_shape"
) -> tuple[Animation, list[str]]:
    """An animation from a picture [h w 3] in 0..1, and what was done to it.

    `keep_shape` gives the video the picture's aspect ratio at the area width x height; `crop` scales and crops
    the picture to that size, `pad` adds black beside it. Raises InputError for an unknown `shape`, and for a picture so
    long that no video can have its aspect ratio.
    """
    size, lines = shaped_size(picture, width, height, shape)
    visual, line = place_picture(picture, size, shape)
    return visual, [*lines, line]


def place_picture(picture: Tensor | None, size: tuple[int, int], shape: Shape) -> tuple[Animation, str]:
    """An animation at a size that `shaped_size` gave."""
    if picture is None:
        return Animation(
            None, *size
        ), "No picture is given: the video follows the prompt and the voice alone."
    placed, done = fit(picture, *size, MODES[shape])
    return Animation(placed, *size), f"Picture: {done}."


def shaped_size(
    picture: Tensor | None, width: int, height: int, shape: Shape
) -> tuple[tuple[int, int], list[str]]:
    """`fit_size` for a picture [h w 3], or for none."""
    if shape not in SHAPES:
        raise InputError(f"The fit {shape!r} is unknown; use one of {', '.join(SHAPES)}.")
    size, lines = fit_size(width, height)
    if picture is None or shape != "keep_shape":
        return size, lines
    given = picture.shape[1], picture.shape[0]
    if (kept := keep_shape(given, width, height)) == size:
        return size, lines
    if min(kept) < SMALLEST_SIDE or max(kept) > LARGEST_SIDE:
        raise InputError(
            f"The picture is {given[0]}x{given[1]}, so a video with its aspect ratio and the area of {width}x{height} "
            f"would be {kept[0]}x{kept[1]}; sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels are possible. Choose "
            "crop or pad as the fit, or another picture."
        )
    return kept, [
        f"The size {width}x{height} becomes {kept[0]}x{kept[1]}: about its area, in the picture's aspect ratio."
    ]


def fit_length(shown: int, spoken: int, fps: float, length: Length) -> tuple[Timeline, list[str]]:
    """How long the edit of `shown` frames is when the voice speaks for `spoken`.

    Raises InputError for an unknown `length`.
    """
    if length not in LENGTHS:
        raise InputError(f"The length {length!r} is unknown; use one of {', '.join(LENGTHS)}.")
    frames = {"shortest": min(shown, spoken), "voice": spoken, "video": shown}[length]
    deciding = "voice" if frames == spoken else "video"
    lines = [f"The edit has {frames} frames, {frames / fps:.2f} s: as long as the {deciding}."]
    if frames > shown:
        lines.append(f"The video's last frame is repeated for {frames - shown} of {frames} frames.")
    if frames > spoken:
        lines.append(f"Silence follows the voice for {frames - spoken} of {frames} frames.")
    return Timeline(frames, fps), lines
