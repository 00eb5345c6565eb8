"""Who is who: faces of single frames joined to tracks by the overlap of their bounding boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

MIN_SCORE = 0.3  # points below are ignored
MIN_OVERLAP = 0.1  # intersection over union with where the track was last seen


class _Track:
    def __init__(self, frames: int):
        self.points = torch.full((frames, 68, 2), torch.nan)
        self.last_box = torch.zeros(4)
        self.area = 0.0

    def add(self, frame: int, points: Tensor, box: Tensor) -> None:
        self.points[frame], self.last_box = points, box
        self.area += float((box[2] - box[0]) * (box[3] - box[1]))


def follow_faces(faces: Sequence[Tensor]) -> list[Tensor]:
    """Tracks [f 68 2] of the faces [p 68 3] of each frame, NaN where unseen, largest total area first."""
    tracks: list[_Track] = []
    for frame, present in enumerate(faces):
        points = present[..., :2].where(present[..., 2:] >= MIN_SCORE, torch.nan)
        points = points[~points.isnan().all(-1).all(-1)]
        low, high = points.nan_to_num(torch.inf).amin(1), points.nan_to_num(-torch.inf).amax(1)
        boxes = torch.cat([low, high], dim=-1)
        matches = _match(tracks, boxes)
        for index, (face, box) in enumerate(zip(points, boxes, strict=True)):
            if index not in matches:
                tracks.append(_Track(len(faces)))
            matches.get(index, tracks[-1]).add(frame, face, box)
    return [track.points for track in sorted(tracks, key=lambda track: -track.area)]


def _match(tracks: list[_Track], boxes: Tensor) -> dict[int, _Track]:
    if not tracks or not len(boxes):
        return {}
    overlaps = _overlap(boxes, torch.stack([track.last_box for track in tracks]))
    pairs = zip(*linear_sum_assignment(overlaps, maximize=True), strict=True)
    return {int(b): tracks[t] for b, t in pairs if overlaps[b, t] >= MIN_OVERLAP}


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes [m 4] and [n 4]: [m n]."""
    a, b = a[:, None], b[None]
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    shared = sides.clamp_min(0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    return shared / union.clamp_min(
        torch.finfo(union.dtype).tiny
    )  # a face that is a point overlaps with nothing
