"""Where the face is in each frame: a box and five points, from YuNet or from landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...conditioning.pose import LEFT_EYE, NOSE_TIP, OUTER_LIP, RIGHT_EYE, Keypoints
from ...conditioning.tracks import follow_faces
from ...conditioning.yunet import YuNet
from ...media.footage import Frames
from .weights import WeightsFile

YUNET = WeightsFile(("face_detection_yunet_2023mar.onnx", "yunet_n_dynamic.onnx", "yunet.onnx"), "YuNet")
FOREHEAD = 0.25  # above the brows, in the distance from brows to chin; the landmarks end at the brows
NEAR = 1.0  # widths of the face, by which it may move from one frame to the next


@dataclass(frozen=True, eq=False)
class Faces:
    """The one face that is measured; frames without it are interpolated."""

    boxes: NDArray[np.float64]  # [f 4] left, top, right, bottom, pixels
    points: NDArray[
        np.float64
    ]  # [f 5 2] the person's right and left eye, nose tip, right and left mouth corner
    found: NDArray[np.bool_]  # [f]

    @property
    def share(self) -> float:
        return float(self.found.mean())


def detect_faces(
    video: Frames, detector: YuNet, callback: Callable[[int], None] | None = None
) -> Faces | None:
    """The largest face, followed from frame to frame; None where there is none. `callback` may raise to cancel."""
    rows, last = [], None
    for index, frame in enumerate(video.stream()):
        places = detector.find_places((frame * 255).round().clamp(0, 255).byte().numpy())
        last = _same_face(*places, last) if len(places[0]) else None
        rows.append(np.full(14, np.nan) if last is None else last)
        if callback:
            callback(index)
    return of_rows(np.stack(rows))


def faces_of(keypoints: Keypoints) -> Faces | None:
    """The same from landmarks that reach around the face; None where there are none."""
    tracks = follow_faces(keypoints.faces)
    if not tracks:
        return None
    points = tracks[0].points.numpy().astype(np.float64)  # [f 68 2]
    low, high = points.min(1), points.max(1)  # NaN where a point is not known
    low[:, 1] -= FOREHEAD * (high[:, 1] - low[:, 1])
    corners = OUTER_LIP.start, OUTER_LIP.start + 6
    five = [points[:, RIGHT_EYE].mean(1), points[:, LEFT_EYE].mean(1), points[:, NOSE_TIP]]
    five += [points[:, corner] for corner in corners]
    return of_rows(np.concatenate([low, high, np.stack(five, 1).reshape(len(points), 10)], axis=1))


def of_rows(rows: NDArray) -> Faces | None:
    """Boxes and points side by side [f 14], NaN where no face was found."""
    found = np.isfinite(rows).all(axis=1).reshape(-1)
    if not found.any():
        return None
    frames = np.arange(len(rows))
    filled = np.stack([np.interp(frames, frames[found], column[found]) for column in rows.T], axis=1)
    return Faces(filled[:, :4], filled[:, 4:].reshape(-1, 5, 2), found)


def _same_face(boxes: Tensor, points: Tensor, last: NDArray | None) -> NDArray:
    """The face nearest to where it was, or the largest one, [14]."""
    rows = torch.cat([boxes, points.flatten(1)], dim=1).double().numpy()
    widths = rows[:, 2] - rows[:, 0]
    if last is not None:
        moved = np.hypot(*(_centres(rows) - _centres(last[None])).T)
        if moved.min() < NEAR * (last[2] - last[0]):
            return rows[moved.argmin()]
    return rows[widths.argmax()]


def _centres(rows: NDArray) -> NDArray:
    return (rows[:, :2] + rows[:, 2:4]) / 2


def median_smoothed(values: NDArray, width: int) -> NDArray:
    """A running median over an odd number of frames, along [f ...]; the ends are repeated."""
    padded = np.concatenate([values[:1].repeat(width // 2, 0), values, values[-1:].repeat(width // 2, 0)])
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=0), axis=-1)
