"""Clips to train on: a folder of videos, or any other source that gives them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..audio.reading import mono_16k
from ..conditioning.faces import face_masks
from ..conditioning.pose import Keypoints, from_pose_keypoint
from ..errors import InputError
from ..media.cuts import find_shots
from ..media.footage import InMemoryFrames, VideoFile, open_video
from ..media.reading import Fit, Video, fit, read_video, resample_fps, resampled_indices
from ..media.sound import read_audio
from ..timeline import SAMPLE_RATE

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi")


@dataclass(frozen=True)
class Clip:
    """One training example before any network has seen it."""

    frames: Tensor  # [f h w 3] in 0..1
    fps: float
    samples: Tensor  # the whole recording at 16 kHz, [n]
    first_frame: int  # of the clip within the recording
    caption: str
    boxes: Tensor | None  # lower face, [f h w]; None: no face is known, so the clip is not edited
    lips: Tensor | None  # [f h w]


class ClipSource(Protocol):
    """Where clips come from; `clip(i)` gives the same clip each time."""

    def __len__(self) -> int: ...

    def clip(self, index: int) -> Clip: ...

    def captions(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class MixedClips:
    """Several sources, such as clips of different sizes; the clips of each are alike."""

    parts: Sequence[ClipSource]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def clip(self, index: int) -> Clip:
        for part in self.parts:
            if index < len(part):
                return part.clip(index)
            index -= len(part)
        raise IndexError(f"there are {len(self)} clips")

    def captions(self) -> list[str]:
        return [caption for part in self.parts for caption in part.captions()]


@dataclass(frozen=True)
class FolderClips:
    """Videos of a folder, cut into clips one after the other.

    Beside `name.mp4` may lie `name.txt` (a caption) and `name.json` (POSE_KEYPOINT landmarks); without landmarks a
    clip is used for animation only. `manifest` names a JSON-lines file instead, such as `skyreels-audio data` writes,
    with "video" and optionally "audio", "caption", "keypoints", and "start" and "end" in seconds in each line, paths
    relative to it. Landmarks are of the frames between start and end, at the video's rate or at that of training.
    """

    folder: str
    frames: int
    width: int
    height: int
    fps: float
    manifest: str | None = None

    @functools.cached_property
    def entries(self) -> list[dict]:
        entries = self._from_manifest(Path(self.manifest)) if self.manifest else self._from_folder()
        if not entries:
            where = self.manifest or self.folder
            raise InputError(
                f"{where} names no videos; training needs at least one ({', '.join(VIDEO_SUFFIXES)})."
            )
        return entries

    @functools.cached_property
    def index(self) -> list[tuple[int, int]]:
        """(entry, first frame) of every clip."""
        lengths = [self._length(entry) for entry in self.entries]
        return [(e, f) for e, n in enumerate(lengths) for f in range(0, n - self.frames + 1, self.frames)]

    def __len__(self) -> int:
        return len(self.index)

    def captions(self) -> list[str]:
        return [entry["caption"] for entry in self.entries]

    def clip(self, index: int) -> Clip:
        number, first = self.index[index]
        entry = self.entries[number]
        frames, _ = self._frames(number)
        masks = self._masks(number)
        cut = slice(first, first + self.frames)
        boxes, lips = (m[cut] for m in masks) if masks else (None, None)
        samples = self._sound(entry.get("audio", entry["video"]))[
            round(entry.get("start", 0) * SAMPLE_RATE) :
        ]
        return Clip(frames[cut], self.fps, samples, first, entry["caption"], boxes, lips)

    def _length(self, entry: dict) -> int:
        """Frames at the training rate, from the file's header."""
        video = open_video(entry["video"])
        count = len(frame_span(entry, video))
        return count if video.fps == self.fps else len(resampled_indices(count, video.fps, self.fps))

    @functools.lru_cache(maxsize=2)  # noqa: B019  the clips of a recording follow each other
    def _sound(self, path: str) -> Tensor:
        return mono_16k(read_audio(path))

    @functools.lru_cache(maxsize=2)  # noqa: B019  one data set lives as long as its run
    def _frames(self, number: int) -> tuple[Tensor, Fit]:
        video = part_of(self.entries[number])
        return fit(resample_fps(video, self.fps).frames, self.width, self.height)

    def _masks(self, number: int) -> tuple[Tensor, Tensor] | None:
        entry = self.entries[number]
        keypoints = entry.get("keypoints")
        if keypoints is None:
            return None
        frames, placing = self._frames(number)
        found = from_pose_keypoint(keypoints, *placing.source)
        if len(found.faces) != len(frames):
            found = self._at_rate(found, entry, len(frames))
        masks = face_masks(found.placed(placing), self.fps, shots=find_shots(InMemoryFrames(frames)))
        return masks.boxes, masks.lips

    def _at_rate(self, found: Keypoints, entry: dict, frames: int) -> Keypoints:
        """Landmarks of each frame of the video, for the frames at the training rate."""
        video = open_video(entry["video"])
        own = frame_span(entry, video)
        if len(found.faces) != len(own):
            raise InputError(
                f"{entry['keypoints']} holds {len(found.faces)} frames, its video {len(own)}, or {frames} at "
                f"{self.fps} fps; the landmarks must be those of the video at its own or at the training rate."
            )
        indices = resampled_indices(len(own), video.fps, self.fps)
        return Keypoints(tuple(found.faces[index] for index in indices), found.width, found.height)

    def _from_folder(self) -> list[dict]:
        videos = sorted(p for p in Path(self.folder).iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        return [{"video": str(video), "caption": _text(video), **_sidecar(video)} for video in videos]

    def _from_manifest(self, path: Path) -> list[dict]:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        files = ("video", "audio", "keypoints")
        return [
            {"caption": "", **e, **{k: str(path.parent / e[k]) for k in files if k in e}} for e in entries
        ]


def frame_span(entry: dict, video: VideoFile) -> range:
    """The frames between "start" and "end"; all, where an entry does not say."""
    last = round(entry["end"] * video.fps) if "end" in entry else len(video)
    return range(round(entry.get("start", 0) * video.fps), min(last, len(video)))


def part_of(entry: dict) -> Video:
    """The frames between "start" and "end"; of a long file, no others are held."""
    if "start" not in entry and "end" not in entry:
        return read_video(entry["video"])
    video = open_video(entry["video"])
    span = frame_span(entry, video)
    return Video(torch.stack(list(islice(video.stream(span.start), len(span)))), video.fps, None)


def _text(video: Path) -> str:
    caption = video.with_suffix(".txt")
    return caption.read_text(encoding="utf-8").strip() if caption.exists() else ""


def _sidecar(video: Path) -> dict:
    keypoints = video.with_suffix(".json")
    return {"keypoints": str(keypoints)} if keypoints.exists() else {}
