"""A shot: some frames of a video with their sound, read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from torch import Tensor

from ...audio.reading import mono_16k
from ...conditioning.pose import Keypoints
from ...evaluation.metrics.landmark_files import read_landmarks
from ...media.footage import VideoFile, open_video
from ...media.sound import Audio
from ...timeline import SAMPLE_RATE

LANDMARKS = (".json", ".npz")
SAMPLED = 5.0  # frames a second that are looked at


@dataclass(frozen=True, eq=False)
class Recording:
    """A video file with what lies beside it. Its sound and landmarks are read once, when a shot first needs them."""

    path: Path

    @cached_property
    def video(self) -> VideoFile:
        return open_video(self.path)

    @cached_property
    def voice(self) -> Tensor | None:
        """All of the sound at 16 kHz, [n]."""
        audio = self.video.audio
        return None if audio is None else mono_16k(audio)

    @cached_property
    def landmarks(self) -> Keypoints | None:
        found = landmarks_beside(self.path)
        return None if found is None else read_landmarks(found, self.video)


def landmarks_beside(video: Path) -> Path | None:
    """`talk.json`, `talk.npz` or `talk.NAME.npz` beside `talk.mp4`; not a downloader's `talk.info.json`."""
    beside = [file for file in sorted(video.parent.glob("*")) if file.suffix.lower() in LANDMARKS]
    whole = [file for file in beside if file.stem == video.stem]
    meshes = [file for file in beside if file.suffix.lower() == ".npz"]
    named = [file for file in meshes if file.name.startswith(f"{video.stem}.")]
    return next(iter([*whole, *named]), None)


@dataclass(frozen=True, eq=False)
class Shot:
    """Frames `first` to `first + frames` of a recording, as a video of their own."""

    recording: Recording
    first: int
    frames: int

    @property
    def size(self) -> tuple[int, int]:
        return self.recording.video.size

    @property
    def fps(self) -> float:
        return self.recording.video.fps

    @property
    def start(self) -> float:
        """Seconds."""
        return self.first / self.fps

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    def __len__(self) -> int:
        return self.frames

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return islice(self.recording.video.stream(self.first + first), self.frames - first)

    def sampled(self) -> Iterator[tuple[int, Tensor]]:
        """About five frames a second, with their indices."""
        step = max(1, round(self.fps / SAMPLED))
        return ((index, frame) for index, frame in enumerate(self.stream()) if index % step == 0)

    @property
    def samples(self) -> Tensor | None:
        """At 16 kHz, [n]; None without sound."""
        voice = self.recording.voice
        if voice is None:
            return None
        first, last = (round(time * SAMPLE_RATE) for time in (self.start, self.start + self.seconds))
        return voice[first:last]

    @property
    def audio(self) -> Audio | None:
        samples = self.samples
        return None if samples is None or not len(samples) else Audio(samples[None], SAMPLE_RATE)

    @property
    def landmarks(self) -> Keypoints | None:
        whole = self.recording.landmarks
        if whole is None:
            return None
        return Keypoints(whole.faces[self.first : self.first + self.frames], whole.width, whole.height)
