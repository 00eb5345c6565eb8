"""Clips to train on: a folder of videos, or any other source that gives them."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ..audio.reading import mono_16k
from ..conditioning.faces import face_masks
from ..conditioning.pose import from_pose_keypoint
from ..errors import InputError
from ..media.cuts import find_shots
from ..media.footage import InMemoryFrames
from ..media.reading import Fit, fit, read_video, resample_fps
from ..media.sound import read_audio

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
    clip is used for animation only. `manifest` names a JSON-lines file instead, with "video" and optionally
    "audio", "caption" and "keypoints" in each line, paths relative to it.
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
        lengths = [len(self._frames(entry)[0]) for entry in range(len(self.entries))]
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
        samples = mono_16k(read_audio(entry.get("audio", entry["video"])))
        return Clip(frames[cut], self.fps, samples, first, entry["caption"], boxes, lips)

    @functools.lru_cache(maxsize=2)  # noqa: B019  one data set lives as long as its run
    def _frames(self, number: int) -> tuple[Tensor, Fit]:
        video = resample_fps(read_video(self.entries[number]["video"]), self.fps)
        return fit(video.frames, self.width, self.height)

    def _masks(self, number: int) -> tuple[Tensor, Tensor] | None:
        keypoints = self.entries[number].get("keypoints")
        if keypoints is None:
            return None
        frames, placing = self._frames(number)
        found = from_pose_keypoint(keypoints, *placing.source).placed(placing)
        if len(found.faces) != len(frames):
            raise InputError(
                f"{keypoints} holds {len(found.faces)} frames, its video {len(frames)} at {self.fps} fps; "
                "the landmarks must be those of the video at the training rate."
            )
        masks = face_masks(found, self.fps, shots=find_shots(InMemoryFrames(frames)))
        return masks.boxes, masks.lips

    def _from_folder(self) -> list[dict]:
        videos = sorted(p for p in Path(self.folder).iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        return [{"video": str(video), "caption": _text(video), **_sidecar(video)} for video in videos]

    def _from_manifest(self, path: Path) -> list[dict]:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        files = ("video", "audio", "keypoints")
        return [
            {"caption": "", **e, **{k: str(path.parent / e[k]) for k in files if k in e}} for e in entries
        ]


def _text(video: Path) -> str:
    caption = video.with_suffix(".txt")
    return caption.read_text(encoding="utf-8").strip() if caption.exists() else ""


def _sidecar(video: Path) -> dict:
    keypoints = video.with_suffix(".json")
    return {"keypoints": str(keypoints)} if keypoints.exists() else {}
