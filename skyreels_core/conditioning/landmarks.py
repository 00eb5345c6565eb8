"""Landmarks of other detectors as the 68 points that everything here reads: MediaPipe's face mesh, or five points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..media.region import check_shape
from .pose import FACE_POINTS, LEFT_EYE, NOSE_BRIDGE, NOSE_TIP, OUTER_LIP, RIGHT_EYE, Keypoints

MESH_POINTS = 468  # and ten of the irises
# The mesh's points at the 68 of iBUG.
MESH = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # jaw
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
)  # fmt: skip
RIGHT_CORNER, LEFT_CORNER = OUTER_LIP.start, OUTER_LIP.start + 6  # of the mouth


@dataclass(frozen=True)
class Offsets:
    """Of YuNet's points against the mesh's."""

    eyes_in: float  # each eye towards the other, in their distance
    tip_above: float  # the nose tip, in distances of the eyes


OFFSETS = Offsets(0.03, 0.06)  # six people who face the camera
NOSE_LENGTH = 0.61  # from bridge to tip, in distances of eyes and mouth


def of_mesh(points: Any) -> Tensor:
    """A face mesh [478 2] or [468 2] in pixels -> [68 3], all points being seen."""
    mesh = torch.as_tensor(np.asarray(points, np.float32))
    face = mesh[list(MESH), :2]
    return torch.cat([face, torch.ones(FACE_POINTS, 1)], dim=-1)


def of_five_points(points: Tensor, offsets: Offsets = OFFSETS) -> Tensor:
    """The person's right and left eye, nose tip, right and left corner of the mouth, [5 2] -> [68 3]; what is not
    known has score 0.

    In profile the nose tells where down is (`lower_face.in_profile`): its bridge is estimated from eyes and mouth.
    """
    right_eye, left_eye, tip, right, left = points.float()
    inwards = offsets.eyes_in
    right_eye, left_eye = right_eye.lerp(left_eye, inwards), left_eye.lerp(right_eye, inwards)
    down = (right + left - right_eye - left_eye) / 2
    tip = tip - offsets.tip_above * (left_eye - right_eye).norm() * down / down.norm().clamp(min=1e-6)
    face = torch.zeros(FACE_POINTS, 3)
    places = (
        (RIGHT_EYE, right_eye),
        (LEFT_EYE, left_eye),
        (NOSE_TIP, tip),
        (RIGHT_CORNER, right),
        (LEFT_CORNER, left),
    )
    for place, point in (*places, (NOSE_BRIDGE.start, tip - NOSE_LENGTH * down)):
        face[place, :2], face[place, 2] = point, 1
    return face


def from_face_landmarks(value: Any, width: int, height: int) -> Keypoints:
    """Faces of a FACE_LANDMARKS object of ComfyUI, scaled to the video (pixels).

    Raises InputError for anything else, and for pictures of another shape than the video's.
    """
    try:
        rows, columns = (int(side) for side in value["image_size"])
        faces = [of_meshes(frame) for frame in value["frames"]]
        if not (rows > 0 and columns > 0 and all(face.isfinite().all() for face in faces)):
            raise ValueError("no size, or points that are not finite")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            "The face landmarks are not in FACE_LANDMARKS form: they need 'image_size' and 'frames', and each face "
            f"'landmarks_xy' with {MESH_POINTS} points or more. Connect Detect Face Landmarks (MediaPipe)."
        ) from error
    remedy = "Detect them in the video as it is shown, at any resolution with its aspect ratio."
    check_shape("The face landmarks are of", (columns, rows), (width, height), remedy)
    scale = torch.tensor([width / columns, height / rows, 1])
    return Keypoints(tuple(face * scale for face in faces), width, height)


def of_meshes(faces: Sequence[Mapping[str, Any]]) -> Tensor:
    """The faces of one frame, as ComfyUI's detector gives them, [p 68 3]."""
    found = [of_mesh(face["landmarks_xy"]) for face in faces]
    return torch.stack(found) if found else torch.zeros(0, FACE_POINTS, 3)
