"""Frames that are read one by one, from memory or from a file: what holds a video does not grow with its length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from .sound import Audio
from .video import VideoFile, open_video

__all__ = [
    "Footage",
    "Frames",
    "InMemoryFrames",
    "Reader",
    "TimedFrames",
    "TruncatedFrames",
    "VideoFile",
    "at_frames",
    "collect",
    "display_indices",
    "following",
    "indices_on_screen",
    "lasting",
    "open_video",
]  # fmt: skip


@runtime_checkable
class Frames(Protocol):
    """Pictures [h w 3], or masks [h w], in 0..1, all of one size."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        ...

    def __len__(self) -> int: ...

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        """From one frame on, each as it is read; every call reads for itself."""
        ...


class Footage(Frames, Protocol):
    """A video at one constant rate."""

    @property
    def fps(self) -> float:
        """Frames per second."""
        ...

    @property
    def audio(self) -> Audio | None: ...


@dataclass(frozen=True)
class InMemoryFrames:
    """Frames in memory."""

    frames: Tensor  # float32 [f h w 3] or [f h w], 0..1

    @property
    def size(self) -> tuple[int, int]:
        return self.frames.shape[2], self.frames.shape[1]

    def __len__(self) -> int:
        return len(self.frames)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return iter(self.frames[first:])


@dataclass(frozen=True)
class TruncatedFrames:
    """The first `length` of other frames, or fewer where there are fewer."""

    whole: Frames
    length: int

    @property
    def size(self) -> tuple[int, int]:
        return self.whole.size

    def __len__(self) -> int:
        return min(self.length, len(self.whole))

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        return islice(self.whole.stream(first), len(self) - first)


@dataclass(frozen=True, eq=False)
class TimedFrames:
    """Other frames, each as long as it is on screen."""

    whole: Frames
    frame_indices: np.ndarray  # [f], the index of each, ascending

    @property
    def size(self) -> tuple[int, int]:
        return self.whole.size

    def __len__(self) -> int:
        return len(self.frame_indices)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        reader = Reader(self.whole)
        return (reader(int(index)) for index in self.frame_indices[first:])


def at_frames(frames: Frames, indices: list[int]) -> TimedFrames:
    """Other frames at these indices; a single one, such as a mask for all, serves everywhere."""
    return TimedFrames(frames, np.array(indices).clip(0, len(frames) - 1))


def display_indices(count: int, video: Frames) -> np.ndarray | None:
    """[f]: which of `count` things, found one for each frame that was decoded, belongs to each frame of a video that
    shows some of them longer; None where there is nothing to follow."""
    if not isinstance(video, VideoFile) or count == len(video) or count != video.decoded:
        return None
    return video.frame_indices - video.frame_indices[0]


def following(frames: Frames, video: Frames) -> Frames:
    """Masks, or the like, made of each frame that was decoded, as the video shows those."""
    shown = display_indices(len(frames), video)
    return frames if shown is None else TimedFrames(frames, shown)


def collect(frames: Frames) -> Tensor:
    """All of them at once, [f ...]."""
    stream = frames.stream()
    start = next(stream)
    held = start.new_empty(len(frames), *start.shape)
    for index, frame in enumerate(chain([start], stream)):
        held[index] = frame
    return held


def lasting(frames: Iterator[Tensor]) -> Iterator[Tensor]:
    """The same, then the last one for ever."""
    last = next(frames)
    yield last
    for last in frames:
        yield last
    yield from repeat(last)


class Reader:
    """Any run of frames by index, the last one lasting for ever. Going forward, the source is read once; only what
    was asked for last is held, each as `change` makes it."""

    def __init__(self, frames: Frames, change: Callable[[Tensor], Tensor] = lambda frame: frame) -> None:
        self.frames, self.change = frames, change
        self.close()

    def close(self) -> None:
        """Let go of everything; what is asked for next is read anew."""
        self.held: deque[Tensor] = deque()
        self.start = 0  # index of the first that is held
        self.stream: Iterator[Tensor] | None = None

    def __call__(self, index: int) -> Tensor:
        return self.run(index, 1)[0]

    def run(self, first: int, length: int) -> list[Tensor]:
        last = len(self.frames) - 1
        shown = [min(index, last) for index in range(first, first + length)]
        self._reach(shown[0], shown[-1])
        return [self.held[index - self.start] for index in shown]

    def _reach(self, first: int, last: int) -> None:
        if self.stream is None or first < self.start:
            self.held.clear()
            self.start, self.stream = first, self.frames.stream(first)
        while self.start < first:
            if self.held:
                self.held.popleft()
            else:
                next(self.stream)
            self.start += 1
        while self.start + len(self.held) <= last:
            self.held.append(self.change(next(self.stream)))


def indices_on_screen(times: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """[f]: which of the frames that begin at `times` is on screen at each instant, in seconds."""
    shown = np.searchsorted(times, instants + 1e-6, side="right") - 1
    return shown.clip(0, len(times) - 1)
