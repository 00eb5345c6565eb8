"""A voice as Wan2.2-S2V encodes it (arXiv 2508.18621): all layers of wav2vec2-large, 16 a second, and its clock.

Every latent frame owns four audio frames, the first one of the video too, of which only the last is shown: frame f of
the video is conditioned on audio frame f + 3. As published, the sound therefore comes 3 frames after the picture. Here
the voice is encoded behind 3 frames of silence, so that both start together.

Source: https://github.com/Wan-Video/Wan2.2, wan/speech2video.py and wan/modules/s2v/audio_encoder.py
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ...errors import InputError
from ...timeline import SAMPLE_RATE, TEMPORAL

FPS = 16  # frames per second of its training
LAYERS, WIDTH = 25, 1024  # of wav2vec2-large, the input of its first layer included
STATE_RATE, BETWEEN_RATE = 50, 30  # a second: of the encoder's states, and of the rate that lies between
UNSHOWN = TEMPORAL - 1  # frames of the first latent frame that no video shows
LEAD = UNSHOWN * SAMPLE_RATE // FPS  # samples
REACH, HOP = 400, 320  # samples that a state of wav2vec2 reads, and those between two states
EVEN = 5  # states: this many are a whole number of frames at both rates


class LayerEncoder(Protocol):
    """As `model.wav2vec.Wav2VecStates`: [n] at 16 kHz -> the states of all layers [layers n width]."""

    def encode_layers(self, samples: Tensor) -> Tensor: ...


def check_encoder(layers: int, width: int) -> None:
    """Raises InputError for a wav2vec2 encoder that S2V was not trained with."""
    if (layers, width) != (LAYERS, WIDTH):
        raise InputError(
            f"The wav2vec2 encoder has {layers - 1} layers of width {width}; Wan2.2-S2V needs the {LAYERS - 1} layers "
            f"of width {WIDTH} of wav2vec2-large. Load wav2vec2_large_english_fp16.safetensors from "
            "models/audio_encoders."
        )


def check_fps(fps: float) -> None:
    """Raises InputError for another rate than 16: people would move at the wrong speed."""
    if fps != FPS:
        raise InputError(
            f"The audio tokens are for {fps:g} fps; Wan2.2-S2V was trained at {FPS} fps and needs that rate. Set {FPS} "
            "fps in Audio To Tokens, and convert the finished video to another rate."
        )


def placed(samples: Tensor) -> Tensor:
    """The voice [n] as it is encoded: behind the silence of the frames that are not shown, and filled up to a whole
    number of frames, so that the rate between does not stretch it."""
    heard = len(samples) + LEAD
    states = EVEN * math.ceil((math.ceil((heard - REACH) / HOP) + 1) / EVEN)
    return pad(samples, (LEAD, (states - 1) * HOP + REACH - heard))


def s2v_features(encoder: LayerEncoder, samples: Tensor, latent_frames: int) -> Tensor:
    """The features of a video [4 latent_frames, layers, width] of `samples` [n] at 16 kHz, 16 a second; behind the
    voice there are zeros."""
    states = encoder.encode_layers(placed(samples))
    check_encoder(len(states), states.shape[2])
    return at_frames(states, TEMPORAL * latent_frames)


def at_frames(states: Tensor, count: int) -> Tensor:
    """[layers n width] at 50 a second -> [count layers width] at 16, as published: resized to 30 a second, first on
    first and last on last, of which the nearest are taken."""
    given = states.shape[1]
    between = int(given / STATE_RATE * BETWEEN_RATE)
    nearest = np.round(np.arange(count) / FPS * BETWEEN_RATE).astype(int)
    place = torch.from_numpy(nearest[nearest < between]) * ((given - 1) / max(1, between - 1))
    before = place.floor().long().clamp(max=given - 1)
    share = (place - before).to(states)[:, None, None]
    taken = states.movedim(0, 1)
    features = torch.lerp(taken[before], taken[(before + 1).clamp(max=given - 1)], share)
    return pad(features, (0, 0, 0, 0, 0, count - len(features)))


def features_of(features: Tensor, first_latent: int, latent_frames: int) -> Tensor:
    """What `latent_frames` latent frames are conditioned on: [f layers width] -> [1 layers width 4t], as the model
    reads it; behind the video there are zeros."""
    span = features[TEMPORAL * first_latent : TEMPORAL * (first_latent + latent_frames)]
    span = pad(span, (0, 0, 0, 0, 0, TEMPORAL * latent_frames - len(span)))
    return span.movedim(0, 2)[None]
