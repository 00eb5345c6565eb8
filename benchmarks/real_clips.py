"""Clips of real people, which are no part of this repository: the folder REAL_CLIPS holds them.

NAME.mpg (or .mp4, .mov, .mkv): a person who speaks to the camera. NAME.mediapipe478.npz beside it: `points`, float32
[frames 478 2] in pixels, MediaPipe's face mesh of each frame. A YuNet model, *yunet*.onnx, may lie there too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.faces import FaceMasks, face_masks
from skyreels_core.conditioning.landmarks import of_mesh
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.media.footage import VideoFile, open_video

from .record import NotMeasured

SUFFIXES, MESH = (".mpg", ".mp4", ".mov", ".mkv"), ".mediapipe478.npz"
LIPS, CORNERS = [13, 14, 61, 291], [61, 291]  # of the mesh: the inner lips and the corners of the mouth
SCREEN = (1920, 1080)  # width and height of the frame that clips are moved through
MIDDLE = (960.0, 540.0)

# Of the time in the clip, 0..1: where the middle of the face is on the screen (x, y), its scale, its roll in radians.
Motion = Callable[[float], tuple[float, float, float, float]]


@dataclass(frozen=True)
class RealClip:
    name: str
    video: VideoFile
    points: np.ndarray  # [f 478 2], pixels

    @property
    def middle(self) -> np.ndarray:
        return self.points.reshape(-1, 2).mean(0)

    def matrices(self, motion: Motion) -> Iterator[np.ndarray]:
        """[2 3] of each frame: from the clip to the screen."""
        for index in range(len(self.points)):
            x, y, scale, roll = motion(index / max(1, len(self.points) - 1))
            turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
            yield np.column_stack([turn, np.array([x, y]) - turn @ self.middle])

    def moved(self, motion: Motion) -> np.ndarray:
        """The points on the screen, [f 478 2]."""
        there = zip(self.points, self.matrices(motion), strict=True)
        return np.stack([points @ matrix[:, :2].T + matrix[:, 2] for points, matrix in there])


@dataclass(frozen=True, eq=False)
class OnScreen:
    """The frames of a clip that is moved through the screen; its edges go on around it."""

    clip: RealClip
    motion: Motion
    size: tuple[int, int] = SCREEN

    @property
    def fps(self) -> float:
        return self.clip.video.fps

    def __len__(self) -> int:
        return len(self.clip.points)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        matrices = list(self.clip.matrices(self.motion))[first:]
        for frame, matrix in zip(self.clip.video.stream(first), matrices, strict=False):
            moved = cv2.warpAffine(
                frame.numpy(), matrix, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            yield torch.from_numpy(moved.clip(0, 1))


def real_clips() -> list[RealClip]:
    """Raises NotMeasured where there are none."""
    folder = Path(os.environ.get("REAL_CLIPS", ""))
    found = [] if not os.environ.get("REAL_CLIPS") else sorted(folder.glob(f"*{MESH}"))
    clips = [RealClip(_name(path), open_video(_video(path)), np.load(path)["points"]) for path in found]
    if not clips:
        raise NotMeasured(
            "set REAL_CLIPS to a folder with clips of real people, NAME.mpg or .mp4, and beside each "
            f"NAME{MESH}: `points` [frames 478 2] in pixels, MediaPipe's face mesh of each frame"
        )
    return clips


def yunet_file() -> Path | None:
    """The file YUNET, or one beside the clips."""
    if named := os.environ.get("YUNET"):
        return Path(named)
    return next(iter(sorted(Path(os.environ.get("REAL_CLIPS", ".")).glob("*yunet*.onnx"))), None)


def keypoints(points: np.ndarray, size: tuple[int, int]) -> Keypoints:
    """Of a mesh [f 478 2]."""
    return Keypoints(tuple(of_mesh(mesh)[None] for mesh in points), *size)


def masks(points: np.ndarray, size: tuple[int, int], fps: float) -> FaceMasks:
    return face_masks(keypoints(points, size), fps)


def _name(path: Path) -> str:
    return path.name.removesuffix(MESH)


def _video(path: Path) -> Path:
    candidates = [path.with_name(_name(path) + suffix) for suffix in SUFFIXES]
    return next((video for video in candidates if video.is_file()), candidates[0])
