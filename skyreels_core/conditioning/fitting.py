"""Sizes and lengths made to fit; each function also gives the sentences that say what was changed."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..errors import InputError
from ..timeline import Timeline, snap_size
from ..video.reading import fit
from .shots import Animation

Length = Literal["shortest", "voice", "video"]
LENGTHS: tuple[Length, ...] = ("shortest", "voice", "video")


def fit_size(width: int, height: int) -> tuple[tuple[int, int], list[str]]:
    """Width and height in pixels on the backbone's grid."""
    size = snap_size(width), snap_size(height)
    if size == (width, height):
        return size, []
    return size, [f"The size {width}x{height} becomes {size[0]}x{size[1]}."]


def fit_picture(picture: Tensor | None, width: int, height: int) -> tuple[Animation, list[str]]:
    """An animation of about this size; the picture [h w 3] in 0..1 is scaled and cropped to it."""
    size, lines = fit_size(width, height)
    if picture is None:
        return Animation(None, *size), [*lines, "No picture is used: text and voice alone say what is seen."]
    placed, done = fit(picture, *size)
    return Animation(placed, *size), [*lines, f"Picture: {done}."]


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
