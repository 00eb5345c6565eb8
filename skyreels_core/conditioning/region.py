"""Which part of a video is made anew, frame by frame: a mask in memory, in a file, or drawn when it is asked for."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..errors import InputError
from ..video.footage import Frames, Held


class Region(Frames, Protocol):
    """Masks [h w] in 0..1, 1 = made anew: one for each frame of a video, or a single one for all."""


def as_region(mask: Region | Tensor) -> Region:
    """A mask [f h w] as a region; a region as it is."""
    return Held(mask) if isinstance(mask, Tensor) else mask


def check_region(region: Region, video: Frames, what: str = "video") -> None:
    """Raises InputError for a region that is not of the video's size, or has too few frames."""
    if region.size != video.size or 1 < len(region) < len(video):
        raise InputError(
            f"The mask is {_shape(region)} and the {what} {_shape(video)} (frames, height, width): give a mask of "
            "the same size with a frame for each frame, or a single one for all."
        )


def check_edit(video: Frames, region: Region) -> None:
    """Raises InputError for a region that does not belong to the video, or is empty."""
    check_region(region, video)
    if not any((mask > 0.5).any() for mask in region.stream()):
        raise InputError(
            "The mask is black everywhere, so nothing would change; white is what is made anew. Make a region of the "
            "picture white, or give keypoints of a face that is in it."
        )


def _shape(frames: Frames) -> list[int]:
    return [len(frames), *frames.size[::-1]]
