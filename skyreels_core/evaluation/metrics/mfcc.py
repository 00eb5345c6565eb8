"""Mel-frequency cepstral coefficients as python_speech_features 0.6 computes them with its defaults, which is what
SyncNet was trained on: 25 ms windows without taper every 10 ms, 26 bands up to half the sample rate, 13 coefficients
of which the first is replaced by the log energy.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from ...timeline import SAMPLE_RATE

WINDOW, HOP, FFT = 400, 160, 512  # samples
BANDS, COEFFICIENTS, LIFTER = 26, 13, 22
PRE_EMPHASIS = 0.97
PER_SECOND = SAMPLE_RATE // HOP
TINY = np.finfo(float).eps  # instead of 0 under a logarithm


def mfcc(samples: NDArray) -> NDArray[np.float64]:
    """[n] at 16 kHz, in the range of 16-bit integers -> [t 13], 100 a second."""
    power = np.abs(np.fft.rfft(_framed(_emphasised(np.asarray(samples, np.float64))), FFT)) ** 2 / FFT
    energy = _above_zero(power.sum(1))
    bands = np.log(_above_zero(power @ _filters().T))
    coefficients = np.asarray(dct(bands, type=2, axis=1, norm="ortho"))[:, :COEFFICIENTS]
    coefficients *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    coefficients[:, 0] = np.log(energy)
    return coefficients


def to_int16(samples: NDArray) -> NDArray[np.float64]:
    """Full scale -1..1 as a file of 16-bit integers holds it."""
    return np.round(np.asarray(samples, np.float64) * 32768).clip(-32768, 32767)


def _emphasised(samples: NDArray) -> NDArray:
    return np.append(samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1])


def _framed(samples: NDArray) -> NDArray:
    """[t 400]; the last one is filled with zeros."""
    count = 1 + max(0, -(-(len(samples) - WINDOW) // HOP))
    padded = np.pad(samples, (0, (count - 1) * HOP + WINDOW - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]


@cache
def _filters() -> NDArray:
    """Triangles over the bins of the spectrum, [26 257]."""
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    edges = np.floor((FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(FFT // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.where(
        (bins >= low) & (bins < middle), rising, np.where((bins >= middle) & (bins < high), falling, 0.0)
    )


def _above_zero(values: NDArray) -> NDArray:
    return np.where(values == 0, TINY, values)
