"""The curves that drive a drawn face, computed from its voice alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from ..timeline import SAMPLE_RATE

HOP_SECONDS = 0.01
LOW_BAND = (150.0, 1400.0)  # Hz, vowels: how far the mouth opens
HIGH_BAND = (2500.0, 7000.0)  # Hz, fricatives: how wide it is
FLOOR = -7.0  # log10 power of a frame below which everything is silence
RANGE = (2.0, 0.35)  # log10 power below the voice's loud frames where the mouth is shut, fully open
SMOOTHING_SECONDS = 0.075  # a causal VAE holds four frames in one latent: faster mouths would blur
GAIN, POWER = 1.45, 1.25  # give the smoothed opening its range back


@dataclass(frozen=True)
class MouthCurves:
    """Per video frame: opening and width, both 0..1, float32 [f]."""

    opening: np.ndarray
    width: np.ndarray

    @property
    def area(self) -> np.ndarray:
        """What a mouth-area measurement is compared with: opening times drawn width, [f]."""
        return self.opening * (0.7 + 0.3 * self.width)

    def slice(self, first: int, frames: int) -> MouthCurves:
        return MouthCurves(self.opening[first : first + frames], self.width[first : first + frames])


def mouth_curves(samples: torch.Tensor, frames: int, fps: float) -> MouthCurves:
    """Opening from the low-mid band's level, width from the high band's, relative to the voice's own loudness.

    samples: 16 kHz mono [n] in -1..1; frame f shows the instant (f + 0.5) / fps.
    """
    low, high = _band_levels(samples)
    loud = max(np.percentile(low, 95), FLOOR + RANGE[0])
    shut, wide_open = loud - RANGE[0], loud - RANGE[1]
    opening = np.clip((low - shut) / (wide_open - shut), 0, 1)
    width = np.clip((high - low + 1.7) / 1.6, 0, 1)
    width = np.where(opening > 0, width, 0.3)
    smooth = SMOOTHING_SECONDS / HOP_SECONDS
    opening, width = (gaussian_filter1d(curve, smooth) for curve in (opening, width))
    opening = (GAIN * opening**POWER).clip(max=1)
    at = (np.arange(frames) + 0.5) / fps / HOP_SECONDS - 0.5
    return MouthCurves(*(np.interp(at, np.arange(len(c)), c).astype(np.float32) for c in (opening, width)))


def _band_levels(samples: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    window, hop = 400, round(HOP_SECONDS * SAMPLE_RATE)
    padded = torch.nn.functional.pad(samples, (window // 2 - hop // 2, window))
    spectrum = torch.stft(
        padded, window, hop, window=torch.hann_window(window), center=False, return_complex=True
    )
    power = (spectrum.abs() / window).square()
    hertz = torch.arange(power.shape[0]) * SAMPLE_RATE / window
    levels = [power[(hertz >= lo) & (hertz < hi)].sum(0) for lo, hi in (LOW_BAND, HIGH_BAND)]
    low, high = (torch.log10(level + 1e-9).numpy() for level in levels)
    return low, high
