"""Landmarks of a video in a file: POSE_KEYPOINT or FACE_LANDMARKS as JSON, or a face mesh as .npz."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...conditioning.landmarks import MESH_POINTS, from_face_landmarks, of_mesh
from ...conditioning.pose import Keypoints, from_pose_keypoint
from ...errors import InputError, first_words, naming
from ...media.footage import Frames
from ...media.region import check_shape


def read_landmarks(path: Path, video: Frames) -> Keypoints:
    """Those of each frame of the video, in its pixels. Raises InputError for what does not belong to it."""
    with naming(path):
        if path.suffix.lower() == ".npz":
            return _mesh(path, *video.size).over(video)[0]
        value = _json(path)
        return landmarks_of(path if value is None else value, video)


def landmarks_of(value: Any, video: Frames) -> Keypoints:
    """The same of a FACE_LANDMARKS or POSE_KEYPOINT object, or a file of the latter."""
    if isinstance(value, Mapping) and "image_size" in value:
        return from_face_landmarks(value, *video.size).over(video)[0]
    return from_pose_keypoint(value, *video.size).over(video)[0]  # pyright: ignore[reportArgumentType]


def _json(path: Path) -> dict | None:
    """The FACE_LANDMARKS in a file; None for anything else, which `from_pose_keypoint` reads or refuses."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "image_size" in value else None


def _mesh(path: Path, width: int, height: int) -> Keypoints:
    """`points` [f 478 2] in pixels and `size`, width and height of the pictures that they are of."""
    try:
        with np.load(path, allow_pickle=False) as held:
            points, size = np.asarray(held["points"], np.float32), [int(side) for side in held["size"]]
        if points.ndim != 3 or points.shape[1] < MESH_POINTS or points.shape[2] < 2 or min(size) <= 0:
            raise ValueError(f"points of shape {list(points.shape)}")
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} does not hold a face mesh ({first_words(error)}): 'points' of shape frames x 478 x 2 in pixels "
            "and 'size', width and height, are needed."
        ) from error
    remedy = "Detect them in the video as it is shown."
    check_shape("The landmarks are of", (size[0], size[1]), (width, height), remedy)
    scaled = points[..., :2] * np.array([width / size[0], height / size[1]], np.float32)
    finite = [bool(np.isfinite(mesh).all()) for mesh in scaled]
    faces = tuple(of_mesh(mesh)[None][: int(seen)] for mesh, seen in zip(scaled, finite, strict=True))
    return Keypoints(faces, width, height)
