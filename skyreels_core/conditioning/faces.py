"""Masks of the lower face and the lips from landmarks, smooth in time within each shot (method section 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..media.footage import collect
from .lower_face import box_corners, box_without_tip, in_profile, lower_face_box
from .pose import OUTER_LIP, Keypoints
from .smoothing import hold_gaps, interpolate_gaps, is_known, runs, smooth
from .tracks import Track, follow_faces, jumps
from .turns import largest_in_turn

SIZE_PERCENTILE = 95  # over a shot: one size for all of its frames
LIP_MARGIN_PIXELS, LIP_MARGIN_WIDTHS = 4, 0.15

RIGHT_CORNER, LEFT_CORNER = 0, 6  # of the mouth, within the outer lip
LONG_GAP = {"pass_through": "passed through", "hold": "held", "error": "missing"}
NOT_HERE = "not in this shot"

Faces = Literal["largest", "all"] | int
Gaps = Literal["pass_through", "hold", "error"]


@dataclass(frozen=True, eq=False)
class FaceMasks:
    """Where the faces are, and what was done."""

    box_region: FaceRegion  # the lower face, to be regenerated
    lip_region: Drawn
    report: list[str]  # one line per frame
    unusual: list[str]  # those of frames where a face was not simply detected
    summary: str  # one line for the clip

    @property
    def boxes(self) -> Tensor:
        """All frames at once, [f h w] of 0 and 1."""
        return collect(self.box_region)

    @property
    def lips(self) -> Tensor:
        return collect(self.lip_region)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A `Region` that is drawn frame by frame."""

    size: tuple[int, int]  # width and height, pixels
    outlines: np.ndarray  # [faces f points 2] in pixels, NaN where nothing is known
    fill: Callable[[np.ndarray, np.ndarray], None]  # an outline [points 2] into a mask [h w]

    def __len__(self) -> int:
        return self.outlines.shape[1]

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        for frame in range(first, len(self)):
            mask = np.zeros(self.size[::-1], np.uint8)
            for outline in self.outlines[:, frame]:
                if not np.isnan(outline).any():
                    self.fill(mask, outline)
            yield torch.from_numpy(mask).float()


@dataclass(frozen=True, eq=False)
class FaceRegion(Drawn):
    """Boxes of lower faces, and what a crop around the faces goes by."""

    # [faces f 5] as of `lower_face_box`, smoothed, each frame's own size; NaN where none is masked
    rigid: np.ndarray
    shots: tuple[int, ...]  # first frames


def face_masks(
    keypoints: Keypoints,
    fps: float,
    faces: Faces = "largest",
    gaps: Gaps = "pass_through",
    shots: Iterable[int] = (0,),
) -> FaceMasks:
    """Masks of the largest face, of all, or of one by its number: 0 is the largest over the clip, 1 the next. The
    largest is that of a shot, or of the part of it in which that one is unseen or much smaller than another.
    `shots` are the first frames of the video's shots, as `find_shots` gives them, asked for once a face is known;
    where all faces jump there is another. Nothing is smoothed, interpolated or held across a cut.

    Gaps of up to 0.5 s are interpolated. In longer ones `pass_through` masks nothing, `hold` keeps the last
    box, `error` raises InputError; so does a clip without any face or without the face asked for.
    """
    frames = len(keypoints.faces)
    tracks = [track for track in follow_faces(keypoints.faces) if _is_seen(track, slice(None))]
    _check_choice(tracks, faces)
    starts = sorted({0, *shots, *jumps(keypoints.faces)} & set(range(frames)))
    spans = [slice(*ends) for ends in pairwise([*starts, frames])]
    found: dict[int, _Face] = {}
    for number, part in (chosen for span in spans for chosen in _chosen(tracks, faces, span, fps)):
        found.setdefault(number, _Face.unknown(frames)).outline(tracks[number], part, fps, gaps)
    found = dict(sorted(found.items()))
    if gaps == "error":
        _refuse_gaps(found)
    report = [_line(frame, found) for frame in range(frames)]
    unusual = [line for frame, line in enumerate(report) if not _is_usual(frame, found)]
    size = keypoints.width, keypoints.height
    names = "box", "lips", "rigid"
    box, outer_lips, rigid = (np.stack([getattr(face, name) for face in found.values()]) for name in names)
    boxes = FaceRegion(size, box, _fill_box, rigid, tuple(starts))
    lips = Drawn(size, outer_lips, _fill_lips)
    return FaceMasks(boxes, lips, report, unusual, _summary(found, len(tracks), starts))


def _check_choice(tracks: list[Track], faces: Faces) -> None:
    if not tracks:
        raise InputError(
            "No face was found in any frame; 'pass_through' and 'hold' bridge gaps but need a face to "
            "start from. Give keypoints from another detector (POSE_KEYPOINT), or a ready mask of the region "
            "to regenerate."
        )
    if isinstance(faces, int) and not 0 <= faces < len(tracks):
        raise InputError(
            f"Face {faces} does not exist: the video has {len(tracks)} face{'s' * (len(tracks) != 1)}, counted "
            "from 0. Choose one of them, 'largest' or 'all'."
        )


def _chosen(tracks: list[Track], faces: Faces, span: slice, fps: float) -> list[tuple[int, slice]]:
    """Numbers of the faces that are masked in a shot, each with its frames."""
    if isinstance(faces, int):
        return [(faces, span)]
    seen = [number for number, track in enumerate(tracks) if _is_seen(track, span)]
    if faces == "all" or not seen:
        return [(number, span) for number in seen]
    turns = largest_in_turn(np.stack([tracks[number].areas[span] for number in seen]), fps)
    return [(seen[face], slice(span.start + part.start, span.start + part.stop)) for face, part in turns]


def _is_seen(track: Track, span: slice) -> bool:
    return any(is_known(_numbers(box(track.points[span]))).any() for box in (lower_face_box, box_without_tip))


def _numbers(values: Tensor) -> np.ndarray:
    return values.flatten(1).numpy().astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Face:
    box: np.ndarray  # [f 4 2], the corners; NaN where nothing is masked
    lips: np.ndarray  # [f points 2]
    rigid: np.ndarray  # [f 5], smoothed, each frame's own size
    states: np.ndarray  # [f], what was done in each frame; empty in shots where the face is not masked

    @classmethod
    def unknown(cls, frames: int) -> _Face:
        lips = OUTER_LIP.stop - OUTER_LIP.start
        box, outline = (np.full((frames, points, 2), np.nan) for points in (4, lips))
        return cls(box, outline, np.full((frames, 5), np.nan), np.full(frames, "", dtype=object))

    def outline(self, track: Track, span: slice, fps: float, gaps: Gaps) -> None:
        """Fill in one shot."""
        points = track.points[span]
        rigid, self.states[span] = _follow(points, fps, LONG_GAP[gaps])
        lips = interpolate_gaps(_numbers(points[:, OUTER_LIP]), fps)
        if not is_known(rigid).any():
            return
        rigid = smooth(rigid)
        own_sizes = rigid[:, 2].copy()
        rigid[:, 2] = np.nanpercentile(rigid[:, 2], SIZE_PERCENTILE)
        if gaps == "hold":
            rigid, lips = hold_gaps(rigid), hold_gaps(lips)
        rigid[:, 3:] /= np.linalg.norm(rigid[:, 3:], axis=1, keepdims=True)
        self.box[span] = box_corners(torch.from_numpy(rigid)).numpy()
        self.rigid[span] = rigid
        self.rigid[span, 2] = hold_gaps(own_sizes[:, None])[:, 0] if gaps == "hold" else own_sizes
        self.lips[span] = lips.reshape(len(lips), -1, 2)


def _follow(points: Tensor, fps: float, unknown: str) -> tuple[np.ndarray, np.ndarray]:
    """The box of a face [f 68 2] with its short gaps filled, [f 5], and what was done in each frame [f]."""
    seen, estimated = _numbers(lower_face_box(points)), _numbers(box_without_tip(points))
    bridged = interpolate_gaps(seen, fps)
    rigid = np.where(is_known(bridged)[:, None], bridged, estimated)
    rigid = interpolate_gaps(rigid, fps)
    if not is_known(rigid).any() and unknown != LONG_GAP["error"]:
        unknown = NOT_HERE
    done = [
        (is_known(seen) & in_profile(points).numpy(), "in profile"),
        (is_known(seen), "detected"),
        (is_known(estimated) & ~is_known(bridged), "estimated"),
        (is_known(rigid), "interpolated"),
    ]
    return rigid, np.select([where for where, _ in done], [state for _, state in done], unknown)


def _refuse_gaps(found: dict[int, _Face]) -> None:
    states = np.stack([face.states for face in found.values()])
    missing = (states == LONG_GAP["error"]).any(0) | (states == "").all(0)
    if missing.any():
        where = ", ".join(f"{gap.start}-{gap.stop - 1}" for gap in runs(missing))
        raise InputError(
            f"No face in frames {where}, longer than can be interpolated. Choose 'pass_through' to leave "
            "these frames as they are or 'hold' to keep the last box, or give keypoints or a ready mask."
        )


def _fill_box(mask: np.ndarray, corners: np.ndarray) -> None:
    cv2.fillConvexPoly(mask, corners.round().astype(np.int32), 1)


def _fill_lips(mask: np.ndarray, outline: np.ndarray) -> None:
    width = np.linalg.norm(outline[RIGHT_CORNER] - outline[LEFT_CORNER])
    outside = np.ones_like(mask)
    cv2.fillConvexPoly(outside, cv2.convexHull(outline.round().astype(np.int32)), 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    mask |= distance <= max(LIP_MARGIN_PIXELS, LIP_MARGIN_WIDTHS * width)


def _line(frame: int, found: dict[int, _Face]) -> str:
    states = [f"face {number} {face.states[frame]}" for number, face in found.items() if face.states[frame]]
    return f"frame {frame}: " + (", ".join(states) or "no face in this shot")


def _is_usual(frame: int, found: dict[int, _Face]) -> bool:
    return {face.states[frame] for face in found.values()} - {""} == {"detected"}


def _summary(found: dict[int, _Face], faces: int, starts: list[int]) -> str:
    counts = [
        f"face {number}: " + ", ".join(f"{count} frames {state}" for state, count in done.items())
        for number, face in found.items()
        if (done := Counter(filter(None, face.states)))
    ]
    shots = f", {len(starts)} shots (from frames {', '.join(map(str, starts))})" if len(starts) > 1 else ""
    return f"{faces} face{'s' * (faces != 1)} in the video{shots}; " + "; ".join(counts)
