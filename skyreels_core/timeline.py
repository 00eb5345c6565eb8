"""Seconds, frames, latent frames, audio samples and audio tokens: the one place that converts between them.

A frame f covers [f/fps, (f+1)/fps) seconds and fps is a float that nothing rounds. The causal VAE holds
frame 0 in latent frame 0 and frames 4j-3..4j in latent frame j >= 1. Audio token i is centred at 20 i ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InputError

TOKEN_RATE = 50  # audio tokens per second
SAMPLE_RATE = 16000  # audio samples per second that the speech encoder gets
SAMPLES_PER_TOKEN = SAMPLE_RATE // TOKEN_RATE
MARGIN_TOKENS = 8  # tokens seen on each side of a window's own time
TEMPORAL = 4  # frames per latent frame after the first
SPATIAL = 8  # pixels per latent pixel
SIZE_MULTIPLE = 16  # VAE times the backbone's 2x2 patches
SMALLEST_SIDE, LARGEST_SIDE = 32, 4096  # pixels
TOLERANCE = 1e-6  # frames or tokens; fps such as 30000/1001 are not exact in binary
SLOWEST, FASTEST = 0.1, 1000  # frames per second; beyond them a header or an option is wrong


def latent_frames(frames: int) -> int:
    """Latent frames of a video with `frames` = 1 + 4k frames. Raises InputError for any other length."""
    if frames < 1 or (frames - 1) % TEMPORAL:
        raise InputError(
            f"A video of {frames} frames does not fit the VAE, which needs 1 + 4k frames; "
            f"use {snap_frames(max(frames, 1))} frames."
        )
    return 1 + (frames - 1) // TEMPORAL


def frames_of(latent_frames: int) -> int:
    return 1 + TEMPORAL * (latent_frames - 1)


def first_frame(start_latent: int) -> int:
    """The frame with which a window that starts at latent frame `start_latent` begins."""
    return TEMPORAL * start_latent


def snap_frames(frames: int) -> int:
    """The next length 1 + 4k that is not shorter."""
    return frames_of(1 + math.ceil((frames - 1) / TEMPORAL))


def window_latents(frames: float) -> int:
    """Latent frames of the length 1 + 4k that is nearest to `frames`, at least one."""
    return 1 + max(0, round((frames - 1) / TEMPORAL))


def snap_size(pixels: int) -> int:
    """The nearest multiple of 16 pixels, at least 16; the larger of two equally near ones."""
    return max(1, (pixels + SIZE_MULTIPLE // 2) // SIZE_MULTIPLE) * SIZE_MULTIPLE


def check_size(width: int, height: int, what: str) -> None:
    """Raises InputError for pixels that no video can have here."""
    if min(width, height) < SMALLEST_SIDE or max(width, height) > LARGEST_SIDE:
        raise InputError(
            f"The {what} is {width}x{height} pixels; sides of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels are "
            "possible. Scale it, or choose another width and height."
        )


def tokens_of(samples: int) -> int:
    """Audio tokens of `samples` samples at 16 kHz: ceil(50 seconds)."""
    return -(-samples // SAMPLES_PER_TOKEN)


@dataclass(frozen=True)
class Timeline:
    """How long a result is: `frames` frames (as the user gets them) at `fps` frames per second."""

    frames: int
    fps: float

    def __post_init__(self) -> None:
        if not SLOWEST <= self.fps <= FASTEST:
            raise InputError(
                f"The frame rate is {self.fps} fps; give a number above 0, from {SLOWEST} to {FASTEST}, such as 25 or "
                "29.97."
            )
        if self.frames < 1:
            raise InputError(f"The video has {self.frames} frames; it needs at least 1.")

    @classmethod
    def from_seconds(cls, seconds: float, fps: float) -> Timeline:
        """The shortest timeline that holds `seconds` seconds, at least one frame."""
        return cls(max(1, math.ceil(seconds * fps - TOLERANCE)), fps)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @property
    def padded_frames(self) -> int:
        """Frames that are generated: the next 1 + 4k."""
        return snap_frames(self.frames)

    @property
    def latent_frames(self) -> int:
        return latent_frames(self.padded_frames)

    @property
    def token_count(self) -> int:
        """ceil(50 seconds): what the encoder gives for `sample_count(16000)` samples."""
        return tokens_of(self.sample_count(SAMPLE_RATE))

    def sample_count(self, rate: int) -> int:
        """Audio samples per channel at `rate` Hz, to the nearest sample."""
        return round(self.frames * rate / self.fps)


@dataclass(frozen=True)
class RateRange:
    """The frame rates that a model makes moving mouths at, frames per second; `weights.toml` of its family has them."""

    slowest: float = 20.0
    fastest: float = 30.0
    own: float = 25.0  # of its training

    def generated(self, shown: Timeline) -> Timeline:
        """What is generated for a video: its own frames up to the fastest rate, else the model's over the same
        seconds."""
        if shown.fps <= self.fastest * (1 + TOLERANCE):
            return shown
        return Timeline.from_seconds(shown.seconds, self.own)


TRAINED_RATES = RateRange()  # of all families so far


def frames_at(generated: Timeline, shown: Timeline) -> list[int]:
    """For each frame that is generated, the frame of the video that is on screen at its middle."""
    middles = ((index + 0.5) / generated.fps for index in range(generated.frames))
    return [min(int(middle * shown.fps + TOLERANCE), shown.frames - 1) for middle in middles]


def blended_from(generated: Timeline, shown: Timeline) -> Iterator[tuple[int, float]]:
    """For each frame of the video, the generated frame before its middle, and the share of the next one."""
    for index in range(shown.frames):
        place = (index + 0.5) * generated.fps / shown.fps - 0.5
        place = min(max(place, 0.0), generated.frames - 1.0)
        yield int(place), place - int(place)


def query_positions(latent_frames: int, fps: float) -> Tensor:
    """Positions [t] of a window's latent frames in tokens from its own start, float64: the centre of the
    frames that each one shows, 25/fps for the first, 50 (4j - 1)/fps for the others."""
    middle = TEMPORAL * torch.arange(latent_frames, dtype=torch.float64) - 1
    middle[0] = 0.5
    return TOKEN_RATE * middle / fps


@dataclass(frozen=True)
class TokenSpan:
    """The audio tokens first..last-1 that a window sees; `origin` is its start in tokens, a fraction."""

    first: int
    last: int
    origin: float

    def key_positions(self) -> Tensor:
        """Positions [n] of the tokens from the window's own start, float64."""
        return torch.arange(self.first, self.last, dtype=torch.float64) - self.origin


def token_span(start_latent: int, latent_length: int, fps: float, token_count: int) -> TokenSpan:
    """Tokens of the window that holds latent frames start_latent..start_latent+latent_length-1."""
    return crop_span(first_frame(start_latent), latent_length, fps, token_count)


def crop_span(first_frame: int, latent_length: int, fps: float, token_count: int) -> TokenSpan:
    """Tokens of `latent_length` latent frames that begin at frame `first_frame`, with 8 more on each side,
    within the `token_count` that exist; empty where the sound has ended before."""
    origin = TOKEN_RATE * first_frame / fps
    end = TOKEN_RATE * (first_frame + frames_of(latent_length)) / fps
    first = math.ceil(origin - MARGIN_TOKENS - TOLERANCE)
    last = math.floor(end + MARGIN_TOKENS + TOLERANCE) + 1
    return TokenSpan(min(max(first, 0), token_count), min(last, token_count), origin)
