"""Frames that are read one by one, from memory or from a file: what holds a video does not grow with its length."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, repeat, takewhile
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from av import VideoFrame
from torch import Tensor

from ..audio.reading import Audio, read_audio
from ..errors import InputError
from .decoding import decode, opened, quarter_turns, square_size, upright

log = logging.getLogger(__name__)


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
class Held:
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
class Cut:
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
    for frame in frames:
        yield frame
    yield from repeat(frame)


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


@dataclass(frozen=True, eq=False)
class VideoFile:
    """A video that stays in its file; made by `open_video`."""

    path: Path
    stored: tuple[int, int]  # width and height before it is turned, pixels square
    turns: int  # quarters
    fps: float
    shown: np.ndarray  # [f], the decoded frame that each frame shows
    has_sound: bool

    @property
    def size(self) -> tuple[int, int]:
        return self.stored[::-1] if self.turns % 2 else self.stored

    @property
    def seconds(self) -> float:
        return len(self) / self.fps

    def __len__(self) -> int:
        return len(self.shown)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        times_shown = np.bincount(self.shown[first:])
        with opened(self.path) as stream:
            for times, (_, frame) in zip(times_shown, decode(self.path, stream), strict=False):
                if times:
                    yield from repeat(upright(frame, *self.stored), times)

    def only(self, frames: Sequence[int]) -> VideoFile:
        """Some of its frames, in ascending order; the others are not converted."""
        return replace(self, shown=self.shown[list(frames)])

    @cached_property
    def audio(self) -> Audio | None:
        """Sound that cannot be read is left out; the log says so."""
        if not self.has_sound:
            return None
        try:
            return read_audio(self.path)
        except InputError as error:
            log.warning("the video is read without its sound: %s", error)
            return None


def open_video(
    path: str | Path, seconds: float | None = None, callback: Callable[[int], None] | None = None
) -> VideoFile:
    """A whole video, or its first `seconds`, turned upright, at one constant rate, decoded once for its time stamps.

    A variable frame rate is laid on its average rate, wide pixels are made square; the log says so. `callback` hears
    of every frame that was decoded and may raise to cancel.
    Raises InputError when the file is missing, damaged, under 16 px a side, or without any frame.
    """
    with opened(path) as stream:
        stored, average_rate = square_size(stream), stream.average_rate
        if stored[0] != stream.width:
            given = stream.width, stream.height
            log.warning("%s has pixels that are not square: %dx%d becomes %dx%d", path, *given, *stored)
        has_sound = bool(stream.container.streams.audio)
        inside = takewhile(lambda it: seconds is None or it[0] < seconds - 1e-6, decode(path, stream))
        times, turns = zip(*_stamps(inside, callback), strict=True)
    times, fps = _clock(np.array(times), float(average_rate) if average_rate else None)
    shown = shown_at(times, (np.arange(len(times)) + 0.5) / fps)
    if (shown != np.arange(len(times))).any():
        log.warning("%s has a variable frame rate: laid on its average, %.3f frames a second", path, fps)
    return VideoFile(Path(path), stored, turns[0], fps, shown, has_sound)


def _stamps(
    decoded: Iterable[tuple[float, VideoFrame]], callback: Callable[[int], None] | None
) -> Iterator[tuple[float, int]]:
    for index, (time, frame) in enumerate(decoded):
        if callback is not None:
            callback(index)
        yield time, quarter_turns(frame)


def _clock(times: np.ndarray, average_rate: float | None) -> tuple[np.ndarray, float]:
    """Time stamps and rate that agree: containers without a rate of their own, and cut files, contradict them."""
    last = len(times) - 1
    if average_rate is not None and (np.diff(times) <= 0).any():
        return np.arange(len(times)) / average_rate, average_rate
    if average_rate is not None and abs(times[-1] * average_rate - last) < 0.5:
        return times, average_rate
    return times, last / times[-1]


def shown_at(times: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """[f]: which of the frames that begin at `times` is on screen at each instant, in seconds."""
    shown = np.searchsorted(times, instants + 1e-6, side="right") - 1
    return shown.clip(0, len(times) - 1)
