"""A voice gate: what lies under the voice in its pauses becomes true silence, the voice itself stays."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from scipy.ndimage import find_objects, label
from torch import Tensor

from ..errors import InputError

THRESHOLD_DB = -45.0  # of a pause, against loud speech
LOWEST_DB = -100.0
BLOCK_SECONDS = 0.02  # over which a level is measured
PAUSE_SECONDS = 0.3  # shorter ones are part of the speech
FADE_SECONDS = 0.01
SPEECH_SHARE = 0.1  # of the mean power; what has less is no speech, as in the gate of EBU R 128
LOUD_PERCENTILE = 95


def gate(samples: Tensor, sample_rate: int, threshold_db: float = THRESHOLD_DB) -> tuple[Tensor, float]:
    """Silence the pauses of a voice: samples [c n] or [n] -> the same, and the seconds of its pauses.

    A pause is 0.3 s or more in which the level, RMS over 20 ms, stays `threshold_db` or further below that of
    loud speech. It becomes zeros with a fade of 10 ms at either end; all samples outside of pauses stay bit for bit.
    Raises InputError for a threshold outside of -100..0 dB.
    """
    check_threshold(threshold_db)
    length = samples.shape[-1]
    gain, silenced = torch.ones(length, dtype=samples.dtype), 0
    for start, end in _pauses(samples.reshape(-1, length), sample_rate, threshold_db):
        gain[start:end] = _dip(end - start, round(FADE_SECONDS * sample_rate), start > 0, end < length)
        silenced += end - start
    return torch.where(gain == 0, 0.0, samples * gain.to(samples)), silenced / sample_rate


def check_threshold(threshold_db: float) -> None:
    if not LOWEST_DB <= threshold_db < 0:
        raise InputError(
            f"The threshold of the voice gate is {threshold_db} dB; give the level of a pause in dB below loud "
            f"speech, from {LOWEST_DB:g} up to just under 0 dB, such as {THRESHOLD_DB:g}."
        )


def _pauses(samples: Tensor, sample_rate: int, threshold_db: float) -> list[tuple[int, int]]:
    """First sample and end of each pause in [c n]."""
    block = max(1, round(BLOCK_SECONDS * sample_rate))
    power = _block_powers(samples, block)
    quiet = power <= _loud_speech(power) * 10 ** (threshold_db / 10)
    runs = (run[0] for run in find_objects(cast(Any, label(quiet))[0]))
    ends = ((run.start * block, min(run.stop * block, samples.shape[1])) for run in runs)
    return [(start, end) for start, end in ends if end - start >= PAUSE_SECONDS * sample_rate]


def _block_powers(samples: Tensor, block: int) -> np.ndarray:
    return np.array([float(part.double().square().mean()) for part in samples.split(block, dim=1)])


def _loud_speech(power: np.ndarray) -> float:
    if not power.any():
        return 0.0
    return float(np.percentile(power[power >= SPEECH_SHARE * power.mean()], LOUD_PERCENTILE))


def _dip(length: int, fade: int, fades_out: bool, fades_in: bool) -> Tensor:
    """Gain of a pause; at the ends of the sound there is nothing to fade."""
    gain = torch.zeros(length)
    ramp = torch.arange(1, fade + 1) / (fade + 1)
    if fades_out:
        gain[:fade] = ramp.flip(0)
    if fades_in:
        gain[length - fade :] = ramp
    return gain
