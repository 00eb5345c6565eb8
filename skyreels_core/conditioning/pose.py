"""Face landmarks in each frame of a video."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# iBUG order of the 68 points of a face
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)  # the person's own right and left
NOSE_TIP = 30
OUTER_LIP = slice(48, 60)
FACE_POINTS = 68


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
