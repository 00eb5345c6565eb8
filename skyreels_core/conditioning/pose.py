"""Face landmarks in each frame of a video, and the POSE_KEYPOINT form in which other tools give them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError, first_words
from ..media.footage import Frames, display_indices
from ..media.reading import Fit
from ..media.region import check_count, check_shape

# iBUG order of the 68 points of a face
FACE_POINTS = 68
NOSE_BRIDGE, NOSE_TIP = slice(27, 30), 30
NOSE_BASE = slice(31, 36)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)  # the person's own right and left
OUTER_LIP = slice(48, 60)

LARGEST_NORMALISED = 2.0  # coordinates that stay below are fractions of the canvas, not pixels
LARGEST_CANVAS, LARGEST_COORDINATE = 1e5, 1e6  # pixels; beyond them no number is meant


@dataclass(frozen=True)
class Keypoints:
    """The faces of each frame, [p 68 3]: x and y in pixels of the video and a score 0..1 for each point."""

    faces: tuple[Tensor, ...]
    width: int  # pixels of the video
    height: int

    @classmethod
    def of_one_face(cls, landmarks: Tensor, width: int, height: int) -> Keypoints:
        """A single face whose landmarks [f 68 2] (pixels) are known in every frame."""
        points = torch.cat([landmarks, torch.ones_like(landmarks[..., :1])], dim=-1)
        return cls(tuple(points.unsqueeze(1)), width, height)

    def over(self, video: Frames) -> tuple[Keypoints, list[str]]:
        """Those of a video's frames, and what was left out. They may be of its decoded frames, of which it shows some
        longer. Raises InputError where there are too few."""
        count, frames = len(self.faces), len(video)
        shown = display_indices(count, video)
        if shown is not None:
            return Keypoints(tuple(self.faces[index] for index in shown), self.width, self.height), []
        remedy = "Detect them in the same video at the same frame rate."
        check_count("There are keypoints of", count, frames, remedy)
        spare = (
            f"There are keypoints of {count} frames, the video has {frames}: the first {frames} are used. They "
            "must have the same frame rate."
        )
        return Keypoints(self.faces[:frames], self.width, self.height), [spare] if count > frames else []

    def placed(self, fit: Fit) -> Keypoints:
        """Where they are in the pictures of their video as these were fitted into others."""
        scale, offset = torch.tensor([fit.scale, fit.scale, 1]), torch.tensor([*fit.offset, 0])
        return Keypoints(tuple(points * scale + offset for points in self.faces), *fit.target)


def from_pose_keypoint(pose: str | Path | dict | Sequence[dict], width: int, height: int) -> Keypoints:
    """Faces of a POSE_KEYPOINT object, one frame or a list of them, or of a JSON file that holds it.

    The points, in pixels of the canvas or in fractions of it, are scaled to the video (pixels).
    Raises InputError for anything else, and for a canvas of another shape than the video's.
    """
    source = f"The keypoints of {pose}" if isinstance(pose, str | Path) else "The keypoints"
    if isinstance(pose, str | Path):
        pose = _read_json(Path(pose))
    frames = [pose] if isinstance(pose, dict) else pose
    try:
        faces = [_faces(frame) for frame in frames]
        canvases = torch.stack([_canvas(frame) for frame in frames])
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{source} are not in POSE_KEYPOINT form: each frame needs 'people', 'canvas_width' and 'canvas_height', "
            "and each face 68 or 70 triples of x, y and score, all of them numbers. Save them again with DWPose."
        ) from error
    if bodies := _only_bodies(frames, faces):
        raise InputError(
            f"No face was found: {source[0].lower()}{source[1:]} hold people in {bodies} frames, but "
            "only their bodies (face_keypoints_2d is empty). Detect them again with face detection switched on."
        )
    scales = _scales(source, faces, canvases, width, height)
    scaled = (torch.cat([p[..., :2] * s, p[..., 2:]], dim=-1) for p, s in zip(faces, scales, strict=True))
    return Keypoints(tuple(scaled), width, height)


def _scales(source: str, faces: Sequence[Tensor], canvases: Tensor, width: int, height: int) -> Tensor:
    """Video pixels for one of the canvas of each frame, [f 2]; points in fractions of a canvas are of the whole video.

    Raises InputError for a canvas of another shape.
    """
    fractions = all(points[..., :2].le(LARGEST_NORMALISED).all() for points in faces)
    for canvas in canvases.unique(dim=0).tolist():
        if not (fractions and canvas == [1, 1]):
            remedy = "Detect them in the video as it is shown, at any resolution with its aspect ratio."
            check_shape(f"{source} are of", canvas, (width, height), remedy)
    return torch.tensor([width, height]) / (torch.ones_like(canvases) if fractions else canvases)


def to_pose_keypoint(keypoints: Keypoints) -> list[dict]:
    """The same faces as a POSE_KEYPOINT object, ready for JSON. The pupils are the middles of the eyes."""
    return [
        {
            "people": [_person(face) for face in faces],
            "canvas_width": keypoints.width,
            "canvas_height": keypoints.height,
        }
        for faces in keypoints.faces
    ]


def _read_json(path: Path) -> dict | list[dict]:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or first_words(error)
        raise InputError(
            f"{path} cannot be read as a JSON file of keypoints ({reason}). Give the POSE_KEYPOINT file "
            "that DWPose saves."
        ) from error


def _canvas(frame: dict) -> Tensor:
    sides = torch.tensor([frame["canvas_width"], frame["canvas_height"]]).float()
    if not (sides.gt(0) & sides.le(LARGEST_CANVAS)).all():
        raise ValueError(f"a canvas of {sides.tolist()}")
    return sides


def _faces(frame: dict) -> Tensor:
    given = [person.get("face_keypoints_2d") for person in frame["people"]]
    faces = [torch.tensor(points).float().reshape(-1, 3)[:FACE_POINTS] for points in given if points]
    if not all(points.abs().le(LARGEST_COORDINATE).all() for points in faces):  # NaN neither
        raise ValueError("points beyond every canvas")
    together = torch.stack(faces).reshape(-1, FACE_POINTS, 3) if faces else torch.zeros(0, FACE_POINTS, 3)
    found = together[..., :2].any(-1, keepdim=True)  # at 0, 0 tools write what they did not find
    return together.where(found, 0)


def _only_bodies(frames: Sequence[dict], faces: list[Tensor]) -> int:
    """In how many frames there are people, where none of all has a face."""
    return 0 if any(map(len, faces)) else sum(bool(frame["people"]) for frame in frames)


def _person(face: Tensor) -> dict:
    pupils = [face[RIGHT_EYE].mean(0, keepdim=True), face[LEFT_EYE].mean(0, keepdim=True)]
    points = torch.cat([face, *pupils]).double().flatten()
    return {
        "pose_keypoints_2d": [],
        "face_keypoints_2d": [round(value, 3) for value in points.tolist()],
        "hand_left_keypoints_2d": [],
        "hand_right_keypoints_2d": [],
    }
