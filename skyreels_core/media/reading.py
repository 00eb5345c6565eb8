"""The user's pictures and videos as float32 frames in 0..1, and their size and frame rate made to fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..timeline import Timeline
from .footage import InMemoryFrames, collect, indices_on_screen, open_video
from .picture import read_picture
from .sound import Audio

__all__ = ["Fit", "Video", "fit", "read_picture", "read_video", "resample_fps"]


@dataclass(frozen=True)
class Video(InMemoryFrames):
    """`Footage` in memory."""

    fps: float  # frames per second, constant
    audio: Audio | None

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps


def read_video(path: str | Path, seconds: float | None = None) -> Video:
    """`open_video`, all frames at once, with its sound if it has any."""
    file = open_video(path, seconds)
    return Video(collect(file), file.fps, file.audio)


def resample_fps(video: Video, fps: float) -> Video:
    """The same seconds at another rate: every new frame is the one on screen at its centre, (f + 0.5)/fps."""
    if fps == video.fps:
        return video
    indices = resampled_indices(len(video.frames), video.fps, fps)
    return replace(video, frames=video.frames[torch.from_numpy(indices)], fps=fps)


def resampled_indices(count: int, before: float, after: float) -> np.ndarray:
    """[f]: which of `count` frames at one rate is on screen at the centre of each at another."""
    times = np.arange(count) / before
    centres = (np.arange(Timeline.from_seconds(count / before, after).frames) + 0.5) / after
    return indices_on_screen(times, centres)


@dataclass(frozen=True)
class Fit:
    """How pictures of one size go into another: scaled by one factor, then cropped or padded in the middle."""

    source: tuple[int, int]  # width, height
    scaled: tuple[int, int]
    target: tuple[int, int]

    @property
    def scale(self) -> float:
        return self.scaled[0] / self.source[0]

    @property
    def offset(self) -> tuple[int, int]:
        """Where the scaled picture's left top corner lies in the target; negative where it is cropped."""
        (width, height), (wanted, tall) = self.scaled, self.target
        return (wanted - width) // 2, (tall - height) // 2

    def __str__(self) -> str:
        if self.source == self.target:
            return f"{self.source[0]}x{self.source[1]} kept"
        words = f"{self.source[0]}x{self.source[1]} scaled to {self.scaled[0]}x{self.scaled[1]}"
        if self.scaled == self.target:
            return words
        change = "cropped" if min(self.offset) < 0 else "padded with black"
        return f"{words}, {change} to {self.target[0]}x{self.target[1]}"

    def apply(self, frames: Tensor) -> Tensor:
        """[f h w c] or [h w c] in 0..1 at the source's size -> the same at the target's."""
        if frames.ndim == 4:
            return torch.stack([self.apply(frame) for frame in frames])
        if self.source == self.target:
            return frames
        shrinks = self.scaled[0] < self.source[0] or self.scaled[1] < self.source[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        scaled = cv2.resize(frames.numpy(), self.scaled, interpolation=method)
        scaled = torch.from_numpy(scaled).reshape(self.scaled[1], self.scaled[0], -1).clamp(0, 1)
        left, top = self.offset
        right, bottom = self.target[0] - self.scaled[0] - left, self.target[1] - self.scaled[1] - top
        return torch.nn.functional.pad(scaled, (0, 0, left, right, top, bottom)).contiguous()


def fit(frames: Tensor, width: int, height: int, mode: str = "cover") -> tuple[Tensor, Fit]:
    """[f h w c] or [h w c] at width x height, and what was done to it, for the log.

    `cover` fills the target and crops the rest away, `contain` keeps everything and pads with black.
    """
    source_height, source_width = frames.shape[-3:-1]
    choose = {"cover": max, "contain": min}[mode]
    scale = choose(width / source_width, height / source_height)
    scaled = max(1, round(source_width * scale)), max(1, round(source_height * scale))
    done = Fit((source_width, source_height), scaled, (width, height))
    return done.apply(frames), done
