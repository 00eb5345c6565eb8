"""Which part of a video is regenerated, frame by frame: a mask in memory, in a file, or drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from ..errors import InputError
from .footage import Frames, InMemoryFrames

RING = 1 / 16  # of the shorter side, around a region
SAME_SHAPE = 0.02  # by how much two proportions may differ and be the same
ROUNDING = 16  # pixels, to multiples of which tools round the sides of small copies


class Region(Frames, Protocol):
    """Masks [h w] in 0..1, 1 = regenerated: one for each frame of a video, or a single one for all."""


def as_region(mask: Region | Tensor) -> Region:
    """A mask [f h w] as a region; a region as it is."""
    return InMemoryFrames(mask) if isinstance(mask, Tensor) else mask


def check_shape(
    given: str, size: tuple[int, int], needed: tuple[int, int], remedy: str, whole: str = "the video is"
) -> None:
    """Raises InputError for masks or keypoints of another shape than their video or picture; another scale of it is
    none. Sizes are width and height in pixels."""
    if _same_shape(size, needed):
        return
    turned = "One is rotated by 90 degrees. " if _same_shape(size, (needed[1], needed[0])) else ""
    raise InputError(
        f"{given} {size[0]:g}x{size[1]:g}, {whole} {needed[0]:g}x{needed[1]:g}. {turned}{remedy}"
    )


def check_count(given: str, count: int, frames: int, remedy: str) -> None:
    """Raises InputError for something that is there for each frame, and not for as many as the video has."""
    if count < frames:
        raise InputError(f"{given} {count} frames, the video has {frames}. {remedy}")


def _same_shape(size: tuple[int, int], needed: tuple[int, int]) -> bool:
    """Within 2 %, or but for rounding."""
    apart = size[0] * needed[1] / (size[1] * needed[0]) - 1
    rounded = not any(side % ROUNDING for side in size)
    return abs(apart) <= SAME_SHAPE or (rounded and abs(apart) * min(size) < ROUNDING / 2)


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
            "The mask is black everywhere, so nothing would be regenerated; transparent counts as black. Paint "
            "the region to regenerate white, or give keypoints of a face in the video."
        )


@dataclass(frozen=True)
class CheckedRegion:
    """The region of an edit that `checked_region` found to belong to its video."""

    masks: Region
    video: Frames

    @property
    def size(self) -> tuple[int, int]:
        return self.masks.size

    def __len__(self) -> int:
        return len(self.masks)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return self.masks.stream(first)


def checked_region(video: Frames, region: Region) -> CheckedRegion:
    """The region, checked as `check_edit` does; one that was checked for this video already is returned as it is."""
    if isinstance(region, CheckedRegion) and region.video is video:
        return region
    check_edit(video, region)
    return CheckedRegion(region, video)


def feather(mask: Tensor, pixels: int) -> Tensor:
    """Soften the edge outwards, [... f h w] -> the same: 1 inside, down to exactly 0 beyond `pixels` outside.

    Outwards, because there the original and the generated frame show the same thing.
    """
    outside = (mask <= 0.5).flatten(0, -3).byte().cpu().numpy()
    distance = [cv2.distanceTransform(frame, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for frame in outside]
    ramp = 1 - torch.from_numpy(np.stack(distance)) / (pixels + 1)
    return ramp.clamp(0, 1).reshape(mask.shape).to(mask)


def ring_around(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """The pixels just outside a mask [h w], at another size (width, height): [h w] of 0 and 1, 1/16 of the shorter
    side wide."""
    scaled = adaptive_max_pool2d((mask > 0.5).float()[None], size[::-1])
    reached = feather(scaled, max(2, round(RING * min(size)))) > 0
    return (reached & (scaled == 0))[0].float()


def _shape(frames: Frames) -> list[int]:
    return [len(frames), *frames.size[::-1]]
