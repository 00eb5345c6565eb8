"""Loudness of a voice after ITU-R BS.1770-4, as pyloudnorm measures it."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..errors import InputError
from ..timeline import SAMPLE_RATE

TARGET = -23.0  # LUFS, of EBU R 128; the MultiTalk family normalises every voice to it
QUIETEST, LOUDEST = -70.0, -5.0  # LUFS; what is under the quietest is silence by the standard
BLOCK_SECONDS = 0.4  # over which it is measured: what is shorter is followed by silence


def loudness(samples: Tensor, sample_rate: int) -> float:
    """Integrated loudness of [n] or [c n] in LUFS; -inf for silence."""
    import pyloudnorm  # only where it is asked for

    channels = torch.atleast_2d(samples).float().cpu()
    shortest = math.ceil(BLOCK_SECONDS * sample_rate)
    filled = pad(channels, (0, max(0, shortest - channels.shape[1])))
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(filled.T.numpy()))


def to_loudness(samples: Tensor, sample_rate: int, target: float = TARGET) -> Tensor:
    """The voice [n] or [c n] with a loudness of `target` LUFS, peaks over full scale kept; silence stays as it is."""
    measured = loudness(samples, sample_rate)
    return samples * 10 ** ((target - measured) / 20) if math.isfinite(measured) else samples


def level_voice(samples: Tensor, target: float) -> tuple[Tensor, str]:
    """A voice [n] at 16 kHz at `target` LUFS, and a sentence about what that did to it."""
    before = loudness(samples, SAMPLE_RATE)
    if before == -math.inf:
        return samples, "The voice is silent: its loudness was not changed."
    levelled = to_loudness(samples, SAMPLE_RATE, target)
    line = f"Voice normalised from {before:.1f} to {target:g} LUFS for the model."
    if (peak := float(levelled.abs().max())) > 1:
        line += f" Its peak is {20 * math.log10(peak):.1f} dB over full scale; it is not clipped."
    return levelled, line


def check_loudness(target: float) -> None:
    if not QUIETEST <= target <= LOUDEST:
        raise InputError(
            f"The target loudness is {target:g} LUFS; give one from {QUIETEST:g} to {LOUDEST:g}, such as {TARGET:g}."
        )
