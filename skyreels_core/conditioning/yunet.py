"""Face landmarks by YuNet, a small detector of faces and five points that OpenCV runs itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, first_words
from ..media.footage import Frames
from .landmarks import of_five_points
from .pose import FACE_POINTS, Keypoints

LONGEST_SIDE = 1280  # pixels; larger pictures are scaled down
MIN_SCORE, MAX_OVERLAP, MOST_FACES = 0.6, 0.3, 50
BOX = slice(0, 4)  # of a row: left, top, width, height
POINTS = slice(4, 14)  # x, y of both eyes, nose tip, both corners of the mouth
NOBODY = torch.zeros(0, FACE_POINTS, 3)


class YuNet:
    """Finds the faces of all people in a video. Raises InputError where its file is missing, or another model."""

    def __init__(self, path: str | Path):
        path = Path(path)
        if not path.is_file():
            raise InputError(
                f"{path} does not exist. YuNet is one file, face_detection_yunet_2023mar.onnx. Download it from "
                "OpenCV's model zoo (opencv_zoo on GitHub) and give its path, or give keypoints or a ready mask."
            )
        try:
            self.detector = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), MIN_SCORE, MAX_OVERLAP, MOST_FACES
            )
            self.find_faces(np.zeros((320, 320, 3), np.uint8))
        except (cv2.error, AttributeError) as error:
            raise InputError(
                f"{path} cannot be used as YuNet ({first_words(error)}). Download face_detection_yunet_2023mar.onnx "
                "again from OpenCV's model zoo, or give keypoints or a ready mask instead."
            ) from error

    def __call__(self, frames: Frames, callback: Callable[[int], None] | None = None) -> Keypoints:
        """The faces of pictures; `callback` is called for every frame and may raise to cancel."""
        faces = []
        for index, frame in enumerate(frames.stream()):
            picture = (frame * 255).round().clamp(0, 255).byte().cpu().numpy()
            faces.append(self.find_faces(picture))
            if callback:
                callback(index)
        return Keypoints(tuple(faces), *frames.size)

    def find_faces(self, picture: np.ndarray) -> Tensor:
        """The faces of a picture, RGB uint8 [h w 3], as [p 68 3]."""
        found = self.five_points(picture)
        return torch.stack([of_five_points(points) for points in found]) if len(found) else NOBODY

    def five_points(self, picture: np.ndarray) -> Tensor:
        """Its own points of each face, [p 5 2] in pixels of the picture."""
        return self.find_places(picture)[1]

    def find_places(self, picture: np.ndarray) -> tuple[Tensor, Tensor]:
        """The boxes [p 4] (left, top, right, bottom) and five points [p 5 2] of its faces, in pixels."""
        height, width = picture.shape[:2]
        scale = min(1.0, LONGEST_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        scaled = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        self.detector.setInputSize(size)
        _, rows = self.detector.detect(np.ascontiguousarray(scaled[..., ::-1]))
        found = torch.zeros(0, 15) if rows is None else torch.from_numpy(rows)
        own = torch.tensor([width / size[0], height / size[1]])
        corners = torch.cat([found[:, BOX][:, :2], found[:, BOX][:, :2] + found[:, BOX][:, 2:]], dim=1)
        return corners * own.repeat(2), found[:, POINTS].reshape(-1, 5, 2) * own
