"""A voice as HuMo encodes it (arXiv 2509.08519): Whisper-large-v3's layers in five groups, 25 a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ...errors import InputError
from ...timeline import SAMPLE_RATE, TEMPORAL, TOKEN_RATE

FPS = 25  # frames per second of HuMo's training; its features have no other rate
LAYERS, WIDTH = 32, 1280  # of Whisper-large-v3
AVERAGED = (slice(0, 8), slice(8, 16), slice(16, 24), slice(24, 32))  # of the 33 hidden states
GROUPS = len(AVERAGED) + 1
SLOTS = 8  # frames that a latent frame is conditioned on
BEFORE = 5  # slots before frame 4j, the last that latent frame j shows
EMPTY = 3  # slots that the first latent frame does not use


class LayerEncoder(Protocol):
    """A speech encoder that gives the states of all its layers, as `model.whisper.WhisperTokens` does."""

    def encode_layers(
        self,
        samples: Tensor,
        reduce: Callable[[Tensor], Tensor] | None = None,
        callback: Callable[[int, int], None] | None = None,
    ) -> Tensor: ...


def check_encoder(layers: int, width: int) -> None:
    """Raises InputError for a Whisper encoder that HuMo was not trained with."""
    if (layers, width) != (LAYERS, WIDTH):
        raise InputError(
            f"The Whisper encoder has {layers} layers of width {width}; HuMo needs the {LAYERS} layers of width "
            f"{WIDTH} of Whisper-large-v3. Load whisper_large_v3_fp16.safetensors."
        )


def check_fps(fps: float) -> None:
    """Raises InputError for another rate than 25: lips would move at the wrong speed."""
    if fps != FPS:
        raise InputError(
            f"The audio tokens are for {fps:g} fps; HuMo was trained at {FPS} fps and needs that rate. Set "
            f"{FPS} fps in Audio To Tokens, and convert the finished video to another rate."
        )


def group_layers(states: Tensor) -> Tensor:
    """All hidden states [33 n d], the input of the first layer among them -> [5 n d]."""
    return torch.stack([*(states[layers].mean(0) for layers in AVERAGED), states[LAYERS]])


def humo_features(
    whisper: LayerEncoder, samples: Tensor, callback: Callable[[int, int], None] | None = None
) -> Tensor:
    """The features [f 5 d] of `samples` [n] at 16 kHz, one frame or more: float32, 25 a second.

    The layers of each 30 s are reduced before the next are heard: ten minutes are 0.4 GB, 1.4 while they are made,
    where all layers would be 5. The published code loses the last frame of some lengths (29, 57, ...) to rounding;
    none is lost here. `callback` as in `model.whisper.WhisperTokens.encode`.
    """
    frames = len(samples) * FPS // SAMPLE_RATE
    grouped = whisper.encode_layers(samples, group_layers, callback)
    features = grouped.new_empty(frames, GROUPS, grouped.shape[2])
    for index, tokens in enumerate(grouped):
        features[:, index] = _resample(tokens[: frames * TOKEN_RATE // FPS], frames)
    return features


def _resample(tokens: Tensor, length: int) -> Tensor:
    """[n d] -> [length d], first on first and last on last, as HuMo was trained."""
    return interpolate(tokens.T[None], size=length, mode="linear", align_corners=True)[0].T


def humo_window(features: Tensor, first_frame: int, latent_frames: int) -> Tensor:
    """What `latent_frames` latent frames that begin at frame `first_frame` hear: [f 5 d] -> [t 8 5 d].

    Each hears its four frames and two more on both sides; the first, which shows one frame, hears five in its last
    slots. Beyond the voice there are zeros.
    """
    starts = first_frame + TEMPORAL * torch.arange(latent_frames) - BEFORE
    frames = starts[:, None] + torch.arange(SLOTS)
    heard = (frames >= 0) & (frames < len(features))
    heard[0, :EMPTY] = False
    window = features[frames.clamp(0, len(features) - 1)]
    window[~heard] = 0
    return window
