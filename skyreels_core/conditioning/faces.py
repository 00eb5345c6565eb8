"""Masks of the lower face and the lips from landmarks, rigid against speech and smooth in time.

Method section 9. The box never looks at the jaw or the mouth: one that follows the chin would tell how
far the mouth is open, and a model would learn to read the box instead of the voice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..video.footage import collect
from .pose import LEFT_EYE, NOSE_TIP, OUTER_LIP, RIGHT_EYE, Keypoints
from .smoothing import hold_gaps, interpolate_gaps, is_known, runs, smooth
from .tracks import follow_faces

HALF_WIDTH, TOP, BOTTOM = 1.5, -0.2, 2.3  # of the box from the nose tip, in units of the face's size s
SIZE_PERCENTILE = 95  # over the clip: one size for all of its frames
LIP_MARGIN_PIXELS, LIP_MARGIN_WIDTHS = 4, 0.15

RIGHT_CORNER, LEFT_CORNER = 0, 6  # of the mouth, within the outer lip
LONG_GAP = {"pass_through": "passed through", "hold": "held", "error": "missing"}

Faces = Literal["largest", "all"] | int
Gaps = Literal["pass_through", "hold", "error"]


@dataclass(frozen=True, eq=False)
class FaceMasks:
    """Where the faces are, and what was done."""

    box_region: Drawn  # the lower face, to be regenerated
    lip_region: Drawn
    report: list[str]  # one line per frame
    unusual: list[str]  # those of frames where a face was not simply detected
    summary: str  # one line for the clip

    @property
    def boxes(self) -> Tensor:
        """All frames at once, [f h w] of 0 and 1."""
        return collect(self.box_region)

    @property
    def lips(self) -> Tensor:
        return collect(self.lip_region)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A `Region` that is drawn frame by frame."""

    size: tuple[int, int]  # width and height, pixels
    outlines: np.ndarray  # [faces f points 2] in pixels, NaN where nothing is known
    fill: Callable[[np.ndarray, np.ndarray], None]  # an outline [points 2] into a mask [h w]

    def __len__(self) -> int:
        return self.outlines.shape[1]

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        for frame in range(first, len(self)):
            mask = np.zeros(self.size[::-1], np.uint8)
            for outline in self.outlines[:, frame]:
                if not np.isnan(outline).any():
                    self.fill(mask, outline)
            yield torch.from_numpy(mask).float()


def lower_face_box(landmarks: Tensor) -> Tensor:
    """The rigid frame of a face, [... 68 2] in pixels -> [... 5]: nose tip x, y, size s, roll as cos, sin.

    s is the larger of the distance from the middle of the eyes to the nose tip and 0.7 of that between eyes.
    """
    right, left = landmarks[..., RIGHT_EYE, :].nanmean(-2), landmarks[..., LEFT_EYE, :].nanmean(-2)
    nose = landmarks[..., NOSE_TIP, :]
    between_eyes = (left - right).norm(dim=-1, keepdim=True)
    size = torch.maximum((nose - (left + right) / 2).norm(dim=-1, keepdim=True), 0.7 * between_eyes)
    return torch.cat([nose, size, (left - right) / between_eyes], dim=-1)


def box_corners(box: Tensor) -> Tensor:
    """Corners of the lower-face box, [... 5] as from `lower_face_box` -> [... 4 2] in pixels."""
    nose, size, right = box[..., None, :2], box[..., None, 2:3], box[..., None, 3:]
    down = torch.stack([-right[..., 1], right[..., 0]], dim=-1)
    along = box.new_tensor([-HALF_WIDTH, HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH])[:, None]
    below = box.new_tensor([TOP, TOP, BOTTOM, BOTTOM])[:, None]
    return nose + size * (along * right + below * down)


def face_masks(
    keypoints: Keypoints, fps: float, faces: Faces = "largest", gaps: Gaps = "pass_through"
) -> FaceMasks:
    """Masks of the largest face, of all, or of one by its number: 0 is the largest over the clip, 1 the next.

    Gaps of up to 0.5 s are interpolated. In longer ones `pass_through` masks nothing, `hold` keeps the last
    box, `error` raises InputError; so does a clip without any face or without the face asked for.
    """
    tracks = [track for track in follow_faces(keypoints.faces) if is_known(_boxes(track)).any()]
    found = {number: _outline_face(tracks[number], fps, gaps) for number in _chosen(tracks, faces)}
    states = {number: face.states for number, face in found.items()}
    report = [
        f"frame {frame}: " + ", ".join(f"face {number} {state[frame]}" for number, state in states.items())
        for frame in range(len(keypoints.faces))
    ]
    simple = [set(frame) == {"detected"} for frame in zip(*states.values(), strict=True)]
    unusual = [line for line, as_usual in zip(report, simple, strict=True) if not as_usual]
    size = keypoints.width, keypoints.height
    boxes = Drawn(size, np.stack([face.box for face in found.values()]), _fill_box)
    lips = Drawn(size, np.stack([face.lips for face in found.values()]), _fill_lips)
    return FaceMasks(boxes, lips, report, unusual, _summary(states, len(tracks)))


def _chosen(tracks: list[Tensor], faces: Faces) -> list[int]:
    if not tracks:
        raise InputError(
            "No face was found in any frame; 'pass_through' and 'hold' bridge gaps but need a face to "
            "start from. Give keypoints of another detector (POSE_KEYPOINT), or a ready mask of the region "
            "to regenerate."
        )
    number = {"largest": 0, "all": 0}.get(faces, faces)
    if not 0 <= number < len(tracks):
        raise InputError(
            f"Face {number} was asked for, but the video has {len(tracks)}, counted from 0. Choose one of them, "
            "'largest' or 'all'."
        )
    return list(range(len(tracks))) if faces == "all" else [number]


def _boxes(track: Tensor) -> np.ndarray:
    return lower_face_box(track).numpy().astype(np.float64)


class _Face(NamedTuple):
    box: np.ndarray  # [f 4 2], the corners
    lips: np.ndarray  # [f points 2]
    states: list[str]  # what was done in each frame


def _outline_face(track: Tensor, fps: float, gaps: Gaps) -> _Face:
    """Of one track [f 68 2]."""
    seen = _boxes(track)
    rigid = interpolate_gaps(seen, fps)
    outlines = interpolate_gaps(track[:, OUTER_LIP].flatten(1).double().numpy(), fps)
    states = np.where(is_known(seen), "detected", np.where(is_known(rigid), "interpolated", LONG_GAP[gaps]))
    if gaps == "error":
        _refuse_gaps(states == LONG_GAP[gaps])
    rigid = smooth(rigid)
    rigid[:, 2] = np.nanpercentile(rigid[:, 2], SIZE_PERCENTILE)
    if gaps == "hold":
        rigid, outlines = hold_gaps(rigid), hold_gaps(outlines)
    rigid[:, 3:] /= np.linalg.norm(rigid[:, 3:], axis=1, keepdims=True)
    corners = box_corners(torch.from_numpy(rigid)).numpy()
    return _Face(corners, outlines.reshape(len(outlines), -1, 2), states.tolist())


def _refuse_gaps(missing: np.ndarray) -> None:
    if missing.any():
        where = ", ".join(f"{gap.start}-{gap.stop - 1}" for gap in runs(missing))
        raise InputError(
            f"No face in frames {where}, longer than can be interpolated. Choose 'pass_through' to leave "
            "these frames as they are or 'hold' to keep the last box, or give keypoints or a ready mask."
        )


def _fill_box(mask: np.ndarray, corners: np.ndarray) -> None:
    cv2.fillConvexPoly(mask, corners.round().astype(np.int32), 1)


def _fill_lips(mask: np.ndarray, outline: np.ndarray) -> None:
    width = np.linalg.norm(outline[RIGHT_CORNER] - outline[LEFT_CORNER])
    outside = np.ones_like(mask)
    cv2.fillConvexPoly(outside, cv2.convexHull(outline.round().astype(np.int32)), 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    mask |= distance <= max(LIP_MARGIN_PIXELS, LIP_MARGIN_WIDTHS * width)


def _summary(states: dict[int, list[str]], faces: int) -> str:
    counts = [
        f"face {number}: " + ", ".join(f"{count} frames {state}" for state, count in Counter(frames).items())
        for number, frames in states.items()
    ]
    return f"{faces} face{'s' * (faces != 1)} in the video; " + "; ".join(counts)
