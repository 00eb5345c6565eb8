"""Who is who: faces of single frames joined to tracks by the overlap of their bounding boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..media.cuts import changes
from .pose import FACE_POINTS

MIN_SCORE = 0.3  # points below are ignored
MIN_OVERLAP = 0.1  # intersection over union with where the track was last seen
JUMP = 0.4  # of a face in one frame, in its own size; in a pan YuNet, whose sizes vary, is off by up to 0.3
COMMON_POINTS = 10  # that tell how far a face moved


@dataclass(frozen=True, eq=False)
class Track:
    points: Tensor  # [f 68 2], NaN where unseen
    areas: Tensor  # [f] of the bounding box, pixels; 0 where unseen

    @classmethod
    def of(cls, frames: int) -> Track:
        return cls(torch.full((frames, FACE_POINTS, 2), torch.nan), torch.zeros(frames, dtype=torch.float64))


def follow_faces(faces: Sequence[Tensor]) -> list[Track]:
    """Tracks of the faces [p 68 3] of each frame, largest total area first. A face that is gone is known again by its
    place, after a cut too."""
    tracks: list[Track] = []
    last_boxes: list[Tensor] = []
    for frame, present in enumerate(faces):
        points = seen_points(present)
        boxes = _bounds(points)
        matches = _match(last_boxes, boxes)
        for index, (face, box) in enumerate(zip(points, boxes, strict=True)):
            number = matches.get(index, len(tracks))
            if number == len(tracks):
                tracks.append(Track.of(len(faces)))
                last_boxes.append(box)
            last_boxes[number], tracks[number].points[frame] = box, face
            tracks[number].areas[frame] = (box[2] - box[0]) * (box[3] - box[1])
    return sorted(tracks, key=lambda track: -track.areas.sum())


def seen_points(faces: Tensor) -> Tensor:
    """[p 68 3] -> [q 68 2] of the faces that are there, NaN for the points that are not."""
    seen = faces[..., 2] >= MIN_SCORE
    points = faces[..., :2].where(seen[..., None], torch.nan)
    return points[seen.any(-1)]


def jumps(faces: Sequence[Tensor]) -> list[int]:
    """Frames in which no face [p 68 3] is where one was: a cut that the pictures need not show."""
    return list(changes([seen_points(present) for present in faces], _nearest, JUMP))


def _nearest(one: Tensor, other: Tensor) -> float:
    """How far the face that moved least did, in its own size; NaN where there is none to compare."""
    moved = [_moved(face, later) for face in one for later in other]
    return min((value for value in moved if not math.isnan(value)), default=math.nan)


def _moved(face: Tensor, later: Tensor) -> float:
    common = ~(face.isnan() | later.isnan()).any(-1)
    if common.sum() < COMMON_POINTS:
        return math.nan
    face, later = face[common], later[common]
    sizes = [(points - points.mean(0)).norm(dim=-1).mean() for points in (face, later)]
    growth = 2 * (sizes[1] / sizes[0]).log().abs()
    return float(torch.maximum((later - face).norm(dim=-1).median() / sizes[0], growth))


def _bounds(points: Tensor) -> Tensor:
    """Left, top, right, bottom of faces [p 68 2], [p 4]."""
    low, high = points.nan_to_num(torch.inf).amin(1), points.nan_to_num(-torch.inf).amax(1)
    return torch.cat([low, high], dim=-1)


def _match(last_boxes: list[Tensor], boxes: Tensor) -> dict[int, int]:
    """Of which track each face is, where it is of one that there is."""
    if not last_boxes or not len(boxes):
        return {}
    overlaps = _overlap(boxes, torch.stack(last_boxes))
    pairs = zip(*linear_sum_assignment(overlaps, maximize=True), strict=True)
    return {int(b): int(t) for b, t in pairs if overlaps[b, t] >= MIN_OVERLAP}


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes [m 4] and [n 4]: [m n]."""
    a, b = a[:, None], b[None]
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    shared = sides.clamp_min(0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    # a face that is a point overlaps with nothing
    return shared / union.clamp_min(torch.finfo(union.dtype).tiny)
