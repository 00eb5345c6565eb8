"""The face crop on clips of real people, as they are and moved through a 1080p frame: what it holds, how it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.crop import Shot, face_crops
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.conditioning.yunet import YuNet
from skyreels_core.media.cuts import find_shots
from skyreels_core.media.footage import Frames, TruncatedFrames

from .real_clips import (
    CORNERS,
    LIPS,
    MIDDLE,
    SCREEN,
    Motion,
    OnScreen,
    RealClip,
    keypoints,
    masks,
    real_clips,
    yunet_file,
)
from .record import Record

SIZE = (640, 640)
REST_SECONDS = 0.4  # from a movement, its smoothing is over
NEAR = 0.25  # of a face's width, from the edge of the frame
CUT = 20  # frames of each of three shots


def stands(t: float) -> float:
    """Walks from 0.45 to 0.65 of the time."""
    return min(max((t - 0.45) / 0.2, 0), 1)


MOTIONS: dict[str, Motion] = {
    "still": lambda t: (*MIDDLE, 2.2, 0),
    "pan": lambda t: (500 + 900 * t, 540, 2.2, 0),
    "zoom": lambda t: (*MIDDLE, 2 + t, 0),
    "shake": lambda t: (960 + 14 * np.sin(61 * t), 540 + 12 * np.cos(83 * t), 2.2, 0.03 * np.sin(47 * t)),
    "walk": lambda t: (60 + 1800 * t, 520 + 10 * np.sin(40 * t), 1.8, 0),
    "walk down": lambda t: (960, 80 + 1000 * t, 2, 0),
    "stand, walk, stand": lambda t: (600 + 700 * stands(t), 540, 2.2, 0),
}


@dataclass(frozen=True)
class Held:
    """What a crop is like in each frame."""

    lips: np.ndarray  # bool [f]: all that the frame shows of them are in the box
    masked: np.ndarray  # bool [f]: and in the mask
    mouth: np.ndarray  # [f], its width in that of the box
    steps: np.ndarray  # [f - 1], pixels
    near: int  # frames with a face near the edge of the frame

    @classmethod
    def of(cls, points: np.ndarray, size: tuple[int, int], fps: float) -> Held:
        found = masks(points, size, fps)
        (shot,) = face_crops(_Blank(len(points), size), found.box_region, fps, SIZE)
        assert shot.path is not None
        bounds = np.array([shot.path.bounds(frame) for frame in range(len(points))])
        outline = found.box_region.outlines[0]
        mask = np.concatenate([outline.min(1), outline.max(1)], axis=1)
        widths = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=-1)
        steps = np.abs(np.diff(shot.path.corners, axis=0)).max(1)
        lips = [_inside(points[:, LIPS], box, size) for box in (bounds, mask)]
        held, masked = lips
        return cls(held, masked, widths / shot.path.box[0], steps, _near_the_edge(points, size))


def run(record: Record) -> None:
    clips, moved = real_clips(), {}
    moved["as they are"] = [Held.of(clip.points, clip.video.size, clip.video.fps) for clip in clips]
    for name, motion in MOTIONS.items():
        moved[name] = [Held.of(clip.moved(motion), SCREEN, clip.video.fps) for clip in clips]
    every = [held for found in moved.values() for held in found]
    record["clips"], record["motions"] = len(clips), list(MOTIONS)
    record["frames"] = sum(len(held.lips) for held in every)
    record["lips"] = sum(int((~held.lips).sum()) for held in every)
    record["masked"] = sum(int((~held.masked).sum()) for held in every)
    record["near"] = sum(held.near for held in moved["walk"])
    record["mouth"] = {name: min(held.mouth.min() for held in found) for name, found in moved.items()}
    record["largest_zoom"] = _largest_zoom(clips)
    still = [held.steps.max() for name in ("as they are", "still") for held in moved[name]]
    record["still_step"], record["rest_step"] = max(still), max(_at_rest(clips, moved["stand, walk, stand"]))
    for way, found in _ways_to_find(clips):
        record[f"cuts_{way}"] = found


def _at_rest(clips: list[RealClip], found: list[Held]) -> Iterator[float]:
    """Largest step of the box where the person has stood for a while, and will."""
    for clip, held in zip(clips, found, strict=True):
        places = [stands(index / (len(held.steps))) for index in range(len(held.steps) + 1)]
        moves = np.flatnonzero(np.diff(places))
        margin = round(REST_SECONDS * clip.video.fps)
        frames = np.arange(len(held.steps))
        yield held.steps[(frames < moves[0] - margin) | (frames > moves[-1] + margin)].max()


def _largest_zoom(clips: list[RealClip]) -> float:
    """Up to which every mouth stays a sixth of the box."""
    for zoom in np.arange(1.1, 3, 0.1):

        def motion(t: float, zoom: float = zoom) -> tuple[float, float, float, float]:
            return *MIDDLE, 1.5 * (1 + (zoom - 1) * t), 0

        held = (Held.of(clip.moved(motion), SCREEN, clip.video.fps) for clip in clips)
        if min(one.mouth.min() for one in held) < 1 / 6:
            return zoom - 0.1
    return 3.0


def _inside(points: np.ndarray, bounds: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whether the points [f n 2] that the frame shows are all within left, top, right, bottom [f 4]: bool [f]."""
    unseen = ((points < 0) | (points > size)).any(-1)
    within = (points >= bounds[:, None, :2]) & (points <= bounds[:, None, 2:])
    return np.asarray((within.all(-1) | unseen).all(-1))


def _near_the_edge(points: np.ndarray, size: tuple[int, int]) -> int:
    low, high = points.min(1), points.max(1)
    room = np.minimum(low, np.array(size) - high).min(1)
    return int((room < NEAR * (high - low)[:, 0]).sum())


@dataclass(frozen=True, eq=False)
class _Blank:
    """Frames of which only the number and the size are asked for."""

    length: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.length

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return iter(torch.zeros(self.length - first, 1, 1, 3))


@dataclass(frozen=True, eq=False)
class ThreeShots:
    """A person who walks, a wall, another person."""

    shots: tuple[Frames, Frames, Frames]
    size: tuple[int, int] = SCREEN

    @classmethod
    def of(cls, one: RealClip, other: RealClip) -> ThreeShots:
        shots = OnScreen(one, MOTIONS["walk"]), Wall(one), OnScreen(other, MOTIONS["pan"])
        first, second, third = (TruncatedFrames(shot, CUT) for shot in shots)
        return cls((first, second, third))

    def __len__(self) -> int:
        return len(self.shots) * CUT

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        for index, shot in enumerate(self.shots):
            if first < (index + 1) * CUT:
                yield from shot.stream(max(0, first - index * CUT))


@dataclass(frozen=True, eq=False)
class Wall:
    """What is beside a person."""

    clip: RealClip
    size: tuple[int, int] = SCREEN

    def __len__(self) -> int:
        return len(self.clip.points)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return OnScreen(self.clip, lambda t: (7000.0, 5000.0, 12.0, 0.0)).stream(first)


def _ways_to_find(clips: list[RealClip]) -> Iterator[tuple[str, dict[str, bool]]]:
    """Three shots of each two neighbours, with the faces that the mesh and YuNet give."""
    ways: dict[str, Callable[[ThreeShots, RealClip, RealClip], Keypoints]] = {"mesh": _by_mesh}
    if (file := yunet_file()) is not None:
        ways["yunet"] = lambda video, *_: YuNet(file)(video)
    for way, find in ways.items():
        found = [_cut(find, *pair) for pair in pairwise([*clips, clips[0]])]
        yield way, {name: all(one[name] for one in found) for name in found[0]}


def _by_mesh(video: ThreeShots, one: RealClip, other: RealClip) -> Keypoints:
    first, last = (
        keypoints(clip.moved(MOTIONS[name])[:CUT], SCREEN).faces
        for clip, name in ((one, "walk"), (other, "pan"))
    )
    return Keypoints((*first, *[torch.zeros(0, 68, 3)] * CUT, *last), *SCREEN)


def _cut(
    find: Callable[[ThreeShots, RealClip, RealClip], Keypoints], one: RealClip, other: RealClip
) -> dict[str, bool]:
    video = ThreeShots.of(one, other)
    found, fps = find(video, one, other), one.video.fps
    starts = list(find_shots(video))
    shots = _shots(found.faces, fps, starts)
    ends = [0, CUT, 2 * CUT]
    same = [_same(shots, start, found.faces[start : start + CUT], fps) for start in (0, 2 * CUT)]
    return {
        "cuts": [shot.first for shot in shots] == ends,
        "faces_only": [shot.path is None for shot in shots] == [False, True, False],
        "nothing_crosses": all(same),
    }


def _shots(faces: tuple[Tensor, ...], fps: float, starts: list[int]) -> tuple[Shot, ...]:
    region = face_masks(Keypoints(faces, *SCREEN), fps, shots=starts).box_region
    return face_crops(_Blank(len(faces), SCREEN), region, fps, SIZE)


def _same(shots: tuple[Shot, ...], start: int, faces: tuple[Tensor, ...], fps: float) -> bool:
    """Whether the shot that begins there has the box that it has alone."""
    path = next((shot.path for shot in shots if shot.first == start), None)
    alone, *more = _shots(faces, fps, [0])
    if more or path is None or alone.path is None:
        return False
    return path.box == alone.path.box and np.array_equal(path.corners, alone.path.corners)
