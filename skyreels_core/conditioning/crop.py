"""A steady box around the face, one for each shot, so that a model sees a small face large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from ..errors import InputError
from ..media.compositing import FEATHER
from ..media.cropping import STEP, CropPath
from ..media.cuts import find_shots
from ..media.footage import Frames
from ..media.region import CheckedRegion, Region
from .faces import FaceRegion
from .fitting import keep_shape
from .places import WIDTH, Places
from .smoothing import MEDIAN_FRAMES, is_known

CropShape = Literal["square", "4:5"]
SHAPES: dict[str, tuple[int, int]] = {"square": (1, 1), "4:5": (4, 5)}

LEAST_WIDTH = 3.4  # of the largest face of a shot, in its size s: the lower-face box and its feathered edge
LEAST_PIXELS = 16  # of the source
USUAL, LARGEST = 25, 95  # percentiles of the sizes in a shot
SIGMA_SECONDS = 0.12  # of the smoothing
STILL = 0.5  # s: while a head stays within this its box does not move


@dataclass(frozen=True)
class Shot:
    """Frames first..last-1 of a video, and the box that follows the face in them; None where there is no face."""

    first: int
    last: int
    path: CropPath | None

    def __str__(self) -> str:
        frames = f"Frames {self.first} to {self.last - 1}"
        if self.path is None:
            return f"{frames}: no face, passed through."
        (width, height), (left, top) = self.path.box, self.path.corners[0]
        where = f"{'moving from' if self.path.moves else 'at'} {left:g}, {top:g}"
        size = "{}x{}".format(*self.path.size)
        return f"{frames}: face crop of {width}x{height} pixels {where}, scaled to {size}."


def crop_size(shape: str, width: int, height: int) -> tuple[int, int]:
    """Width and height that a crop is scaled to: of about the area width x height, multiples of 16."""
    if shape not in SHAPES:
        raise InputError(f"The crop's shape is {shape!r}; use one of {', '.join(SHAPES)}.")
    return keep_shape(SHAPES[shape], width, height)


def face_crops(
    video: Frames,
    region: Region,
    fps: float,
    size: tuple[int, int],
    callback: Callable[[int], None] | None = None,
) -> tuple[Shot, ...]:
    """The shots of a video, each with the box around the faces that a region masks: one of `face_masks`, or any mask
    of the video's size.

    size: width and height that the boxes are scaled to. `callback` gets the number of every frame in which cuts are
    looked for. Raises InputError where no shot has a face.
    """
    masks = region.masks if isinstance(region, CheckedRegion) else region
    if isinstance(masks, FaceRegion):
        places, starts = Places.of_faces(masks), [start for start in masks.shots if start < len(video)]
    else:
        places, starts = Places.of_masks(masks, len(video)), list(find_shots(video, callback))
    spans = [slice(*ends) for ends in pairwise([*starts, len(video)])]
    paths = [_path(places.within(span), video.size, fps, size) for span in spans]
    if not any(paths):
        raise InputError(
            "There is no face to crop to: the mask is black in every frame. Give keypoints of a face that is in the "
            "video, or a mask with white around the mouth."
        )
    return tuple(Shot(span.start, span.stop, path) for span, path in zip(spans, paths, strict=True))


def _path(places: Places, frame: tuple[int, int], fps: float, size: tuple[int, int]) -> CropPath | None:
    """The box of one shot, in a frame of this width and height."""
    known = is_known(places.middles)
    if not known.any():
        return None
    box = _box(places.sizes[known], frame, size)
    still = STILL * np.median(places.sizes[known])
    corners = _steady(places.middles, still, fps) - np.array(box) / 2
    least, most = _range(places.masked, box)
    step = STEP
    if np.ptp(corners, axis=0).max() <= still and (least.max(0) <= most.min(0)).all():
        corners[:], least, most, step = (corners.min(0) + corners.max(0)) / 2, least.max(0), most.min(0), 1
    room = np.array(frame) - box
    return CropPath(np.round(corners.clip(least, most).clip(0, room) / step) * step, box, size)


def _box(sizes: np.ndarray, frame: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Width and height in pixels of the source: in the shape of `size`, no larger than a frame."""
    usual, largest = np.percentile(sizes, (USUAL, LARGEST))
    tall = size[1] / size[0]
    width = min(max(WIDTH * usual, LEAST_WIDTH * largest, LEAST_PIXELS), frame[0], frame[1] / tall)
    return round(width), min(round(width * tall), frame[1])


def _steady(middles: np.ndarray, still: float, fps: float) -> np.ndarray:
    """[f 2], NaN in gaps -> smoothed, on a straight line through gaps; at rest while they stay within `still`."""
    frames, known = np.arange(len(middles)), np.flatnonzero(is_known(middles))
    filled = np.stack([np.interp(frames, known, column[known]) for column in middles.T], axis=1)
    steady = median_filter(filled, size=(MEDIAN_FRAMES, 1), mode="nearest")
    return gaussian_filter1d(_followed(steady, still / 2), SIGMA_SECONDS * fps, axis=0, mode="nearest")


def _followed(places: np.ndarray, slack: float) -> np.ndarray:
    """[f 2] -> places that move only to be no further than `slack` from these, behind them as much as ahead."""
    return (_behind(places, slack) + _behind(places[::-1], slack)[::-1]) / 2


def _behind(places: np.ndarray, slack: float) -> np.ndarray:
    followed, place = np.empty_like(places), places[0]
    for frame, there in enumerate(places):
        place = followed[frame] = place.clip(there - slack, there + slack)
    return followed


def _range(masked: np.ndarray, box: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest corners [f 2] of a box that holds the mask [f 4] with its feathered edge; any, where there is
    no mask or it is larger than the box."""
    edge = FEATHER * min(box) + 1
    least, most = masked[:, 2:] + edge - box, masked[:, :2] - edge
    fits = least <= most
    return np.where(fits, least, -np.inf), np.where(fits, most, np.inf)
