"""The lower-face box by YuNet's five points against that by 478, on clips of real people.

What YuNet's points need to lie where the mesh's do was fitted on such people, so each clip is also measured with
offsets that were fitted on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.landmarks import OFFSETS, Offsets, of_five_points
from skyreels_core.conditioning.pose import LEFT_EYE, RIGHT_EYE, Keypoints
from skyreels_core.conditioning.yunet import YuNet

from .real_clips import RealClip, keypoints, masks, real_clips, yunet_file
from .record import NotMeasured, Record

GRID = tuple(Offsets(*pair) for pair in product(np.arange(0, 0.06, 0.01), np.arange(0, 0.13, 0.02)))


@dataclass(frozen=True)
class Found:
    """One clip."""

    size: tuple[int, int]
    fps: float
    points: tuple[Tensor, ...]  # of each frame, [5 2] as YuNet gives them
    edges: np.ndarray  # [f 4] of the box by the mesh: left, top, right, bottom
    eyes: np.ndarray  # [f], the distance between them

    @classmethod
    def of(cls, clip: RealClip, detector: YuNet) -> Found:
        size, fps = clip.video.size, clip.video.fps
        pictures = ((frame * 255).round().byte().numpy() for frame in clip.video.stream())
        points = [detector.five_points(picture) for picture in pictures]
        if lost := sum(not len(found) for found in points):
            raise NotMeasured(f"YuNet finds no face in {lost} frames of {clip.name}")
        mesh = torch.cat(keypoints(clip.points, size).faces)[..., :2]
        apart = mesh[:, LEFT_EYE].mean(1) - mesh[:, RIGHT_EYE].mean(1)
        edges = _edges(masks(clip.points, size, fps).box_region.outlines)
        return cls(size, fps, tuple(found[0] for found in points), edges, apart.norm(dim=-1).numpy())

    def error(self, offsets: Offsets) -> float:
        """The largest distance of an edge in any frame, in distances of the eyes."""
        faces = tuple(of_five_points(points, offsets)[None] for points in self.points)
        edges = _edges(face_masks(Keypoints(faces, *self.size), self.fps).box_region.outlines)
        return float((np.abs(edges - self.edges) / self.eyes[:, None]).max())


def run(record: Record) -> None:
    clips, file = real_clips(), yunet_file()
    if file is None:
        raise NotMeasured("set YUNET to the file of YuNet, face_detection_yunet_2023mar.onnx")
    found = [Found.of(clip, YuNet(file)) for clip in clips]
    errors = [{offsets: one.error(offsets) for offsets in GRID} for one in found]
    record["clips"] = len(clips)
    record["shipped"] = [one.error(OFFSETS) for one in found]
    record["left_out"] = [own[_fitted([e for e in errors if e is not own])] for own in errors]
    record["without"] = [one.error(Offsets(0, 0)) for one in found]


def _fitted(errors: Sequence[dict[Offsets, float]]) -> Offsets:
    """With the least error of the clip that is worst."""
    return min(GRID, key=lambda offsets: max(error[offsets] for error in errors))


def _edges(outlines: np.ndarray) -> np.ndarray:
    return np.concatenate([outlines[0].min(1), outlines[0].max(1)], axis=1)
