"""Masks of the lower face and the lips from landmarks, rigid against speech and smooth in time.

Method section 9. The box never looks at the jaw or the mouth: one that follows the chin would tell how
far the mouth is open, and a model would learn to read the box instead of the voice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
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


@dataclass(frozen=True)
class FaceMasks:
    """Masks [f h w] of 0 and 1, and what was done."""

    boxes: Tensor  # the lower face, to be regenerated
    lips: Tensor
    report: list[str]  # one line per frame
    unusual: list[str]  # those of frames where a face was not simply detected
    summary: str  # one line for the clip


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
    masks = np.zeros((2, len(keypoints.faces), keypoints.height, keypoints.width), np.uint8)
    states = {number: _draw_face(tracks[number], fps, gaps, *masks) for number in _chosen(tracks, faces)}
    report = [
        f"frame {frame}: " + ", ".join(f"face {number} {state[frame]}" for number, state in states.items())
        for frame in range(masks.shape[1])
    ]
    simple = [set(frame) == {"detected"} for frame in zip(*states.values(), strict=True)]
    unusual = [line for line, as_usual in zip(report, simple, strict=True) if not as_usual]
    boxes, lips = torch.from_numpy(masks).float()
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
        raise InputError(f"Face {number} was asked for, but the video has {len(tracks)}, counted from 0.")
    return list(range(len(tracks))) if faces == "all" else [number]


def _boxes(track: Tensor) -> np.ndarray:
    return lower_face_box(track).numpy().astype(np.float64)


def _draw_face(track: Tensor, fps: float, gaps: Gaps, boxes: np.ndarray, lips: np.ndarray) -> list[str]:
    """Draw one track [f 68 2] into both masks; what was done in each frame."""
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
    _fill_boxes(boxes, rigid)
    _fill_lips(lips, outlines)
    return states.tolist()


def _refuse_gaps(missing: np.ndarray) -> None:
    if missing.any():
        where = ", ".join(f"{gap.start}-{gap.stop - 1}" for gap in runs(missing))
        raise InputError(
            f"No face in frames {where}, longer than can be interpolated. Choose 'pass_through' to leave "
            "these frames as they are or 'hold' to keep the last box, or give keypoints or a ready mask."
        )


def _fill_boxes(masks: np.ndarray, rigid: np.ndarray) -> None:
    rigid[:, 3:] /= np.linalg.norm(rigid[:, 3:], axis=1, keepdims=True)
    corners = box_corners(torch.from_numpy(rigid)).numpy()
    for frame in np.flatnonzero(is_known(rigid)):
        cv2.fillConvexPoly(masks[frame], corners[frame].round().astype(np.int32), 1)


def _fill_lips(masks: np.ndarray, outlines: np.ndarray) -> None:
    for frame in np.flatnonzero(is_known(outlines)):
        outline = outlines[frame].reshape(-1, 2)
        width = np.linalg.norm(outline[RIGHT_CORNER] - outline[LEFT_CORNER])
        outside = np.ones_like(masks[frame])
        cv2.fillConvexPoly(outside, cv2.convexHull(outline.round().astype(np.int32)), 0)
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        masks[frame] |= distance <= max(LIP_MARGIN_PIXELS, LIP_MARGIN_WIDTHS * width)


def _summary(states: dict[int, list[str]], faces: int) -> str:
    counts = [
        f"face {number}: " + ", ".join(f"{count} frames {state}" for state, count in Counter(frames).items())
        for number, frames in states.items()
    ]
    return f"{faces} face{'s' * (faces != 1)} in the video; " + "; ".join(counts)
