"""Loudness of a voice after ITU-R BS.1770-4, as speech encoders of the MultiTalk family are given it.

The numbers are those of pyloudnorm 0.2 (MIT), which the published code uses and which ComfyUI does not bring along.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter
from torch import Tensor

TARGET = -23.0  # LUFS
BLOCK_SECONDS = 0.4
OVERLAP = 0.75
ABSOLUTE_GATE = -70.0  # LUFS; a voice without a louder block is silence
RELATIVE_GATE = -10.0  # LU
OFFSET = -0.691  # of the standard, LUFS

SHELF_GAIN, SHELF_HZ, SHELF_Q = 4.0, 1500.0, 1 / math.sqrt(2)  # dB: the head
PASS_HZ, PASS_Q = 38.0, 0.5  # what the ear does not hear


def to_loudness(samples: Tensor, sample_rate: int, target: float = TARGET) -> Tensor:
    """The voice [n] with a loudness of `target` LUFS; silence stays as it is."""
    measured = loudness(samples.cpu().numpy().astype(np.float64), sample_rate)
    if measured == -math.inf:
        return samples
    return samples * 10 ** ((target - measured) / 20)


def loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of [n] in LUFS; -inf for silence. What is shorter than a block is followed by silence."""
    block = round(BLOCK_SECONDS * sample_rate)
    samples = np.pad(samples, (0, max(0, block - len(samples))))
    powers = block_powers(weighted(samples, sample_rate), sample_rate)
    loud = powers[decibels(powers) >= ABSOLUTE_GATE]
    if not len(loud):
        return -math.inf
    loud = loud[decibels(loud) > decibels(loud.mean()) + RELATIVE_GATE]
    return float(decibels(loud.mean()))


def decibels(power: np.ndarray) -> np.ndarray:
    return OFFSET + 10 * np.log10(np.maximum(power, np.finfo(np.float64).tiny))


def block_powers(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mean squares of blocks of 0.4 s, 0.1 s apart."""
    hop = BLOCK_SECONDS * (1 - OVERLAP)
    count = round((len(samples) / sample_rate - BLOCK_SECONDS) / hop) + 1
    total = np.concatenate([[0.0], np.cumsum(samples**2)])
    first = (np.arange(count) * hop * sample_rate + 1e-6).astype(int)
    last = np.minimum(first + round(BLOCK_SECONDS * sample_rate), len(samples))
    return (total[last] - total[first]) / (BLOCK_SECONDS * sample_rate)


def weighted(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """The K-weighting: a shelf, then a high pass (R. Bristow-Johnson's biquads)."""
    for coefficients in (shelf(sample_rate), high_pass(sample_rate)):
        samples = lfilter(*coefficients, samples)
    return samples


def shelf(sample_rate: int) -> tuple[list[float], list[float]]:
    gain, angle = 10 ** (SHELF_GAIN / 40), 2 * math.pi * SHELF_HZ / sample_rate
    slope, cosine = math.sqrt(gain) * math.sin(angle) / SHELF_Q, math.cos(angle)
    more, less = gain + 1, gain - 1
    b = [gain * (more + less * cosine + slope), -2 * gain * (less + more * cosine)]
    a = [more - less * cosine + slope, 2 * (less - more * cosine), more - less * cosine - slope]
    return [*b, gain * (more + less * cosine - slope)], a


def high_pass(sample_rate: int) -> tuple[list[float], list[float]]:
    angle = 2 * math.pi * PASS_HZ / sample_rate
    alpha, cosine = math.sin(angle) / (2 * PASS_Q), math.cos(angle)
    return [(1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2], [1 + alpha, -2 * cosine, 1 - alpha]
