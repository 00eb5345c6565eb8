"""Does the mouth follow the voice? The gap between the lips against the level of the voice, without any network.

The voice is taken between 500 and 3500 Hz, where the first formants of an opening mouth lie and the pitch does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import chi2
from torch import Tensor

from ...audio.reading import mono_16k
from ...conditioning.pose import Keypoints
from ...conditioning.tracks import follow_faces
from ...media.sound import Audio
from ...timeline import SAMPLE_RATE
from .metric import HIGHER, LOWER, NEITHER, Clip, Figure, Measured, Needs
from .weights import Weights

UPPER, LOWER_LIP = 62, 66  # the middle of the inner lips, of the 68 points
CORNERS = 36, 45  # the outer corners of the eyes
BAND = 500, 3500  # Hz
WINDOW, HOP = 400, 160  # samples, 25 and 10 ms
AT_ONCE = 1000  # windows
FLOOR = 1e-5  # of the largest power
VOICE_SIGMA, GAP_SIGMA = 4.0, 1.0  # of the smoothing: hops, frames
LAGS, APART = 3, 10  # frames: of the search, and from which a shifted voice counts as another
LEAST_FRAMES, LEAST_SHARE = 40, 0.5  # of the clip, and of it with landmarks
STILL = 1e-4  # deviation of the gap, in distances of the eyes, that is no movement
CURVE_POINTS = 500


class Lips:
    """`lips_r`: correlation at lag 0; `lips_r_best`: the highest within 3 frames, at `lips_lag` (positive: the lips
    are late); `lips_chance`: what one in twenty shifted voices reaches; `lips_p`: the share of shifted voices that
    reach as much as the own one."""

    name: ClassVar[str] = "lips"
    figures: ClassVar = (
        Figure("lips_r", "correlation", HIGHER),
        Figure("lips_r_best", "correlation", HIGHER),
        Figure("lips_lag", "frames", NEITHER),
        Figure("lips_chance", "correlation", NEITHER),
        Figure("lips_p", "", LOWER),
    )
    needs: ClassVar[Needs] = Needs(voice=True, landmarks=True)

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> LipMeter:
        return LipMeter(clip)


class LipMeter:
    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    def add(self, frame: Tensor) -> None:
        """The landmarks say everything."""

    def result(self) -> Measured:
        assert self.clip.landmarks is not None and self.clip.voice is not None
        gap = lip_gap(self.clip.landmarks)
        if gap is None:
            return Measured(note="the landmarks show no inner lips in half of the frames")
        if len(gap) < LEAST_FRAMES:
            return Measured(note=f"the clip is shorter than {LEAST_FRAMES} frames")
        voice = voice_level(self.clip.voice, len(gap), self.clip.fps)
        step = -(-len(gap) // CURVE_POINTS)
        curves = {
            "lip gap": (gap / max(gap.max(), STILL))[::step].tolist(),
            "voice": scaled(voice)[::step].tolist(),
        }
        return Measured(follow(gap, voice).figures, curves=curves)


@dataclass(frozen=True)
class Following:
    r: float
    best: float
    lag: int
    chance: float
    p: float

    @property
    def figures(self) -> dict[str, float]:
        values = (self.r, self.best, float(self.lag), self.chance, self.p)
        return {figure.name: value for figure, value in zip(Lips.figures, values, strict=True)}


def follow(gap: NDArray, voice: NDArray, others: Sequence[NDArray] = ()) -> Following:
    """Two curves [n]. The null: the voice shifted in a circle by 10 frames or more, and other voices of the same
    length at all shifts, each at its best lag too."""
    if gap.std() < STILL or not voice.std():
        return Following(0.0, 0.0, 0, 0.0, 1.0)
    own = circular(gap, voice)
    best = best_lags(own)
    null = np.concatenate(
        [best[APART : len(best) - APART + 1], *(best_lags(circular(gap, other)) for other in others)]
    )
    near = np.arange(-LAGS, LAGS + 1)
    lag = int(near[own[near].argmax()])
    p = (1 + np.count_nonzero(null >= best[0])) / (1 + len(null))
    return Following(float(own[0]), float(best[0]), lag, float(np.quantile(null, 0.95)), float(p))


def circular(gap: NDArray, voice: NDArray) -> NDArray[np.float64]:
    """Pearson's r of the gap with the voice delayed by each number of frames, in a circle, [n]."""
    if not voice.std():
        return np.zeros(len(gap))
    one, other = ((values - values.mean()) / values.std() for values in (gap, voice))
    return np.fft.irfft(np.fft.rfft(one) * np.fft.rfft(other).conj(), len(gap)) / len(gap)


def best_lags(correlations: NDArray) -> NDArray[np.float64]:
    """The highest within 3 frames of each."""
    return np.max([np.roll(correlations, lag) for lag in range(-LAGS, LAGS + 1)], axis=0)


def pooled(p_values: Sequence[float]) -> float:
    """One p of several clips (Fisher)."""
    return float(chi2.sf(-2 * np.log(np.array(p_values)).sum(), 2 * len(p_values)))


def lip_gap(landmarks: Keypoints) -> NDArray[np.float64] | None:
    """Of the largest face, in distances of the outer corners of the eyes, smoothed, [f]; None where too little is
    known."""
    tracks = follow_faces(landmarks.faces)
    if not tracks:
        return None
    points = tracks[0].points.numpy().astype(np.float64)
    eyes = np.linalg.norm(points[:, CORNERS[0]] - points[:, CORNERS[1]], axis=1)
    gap = np.linalg.norm(points[:, UPPER] - points[:, LOWER_LIP], axis=1) / np.where(eyes > 0, eyes, np.nan)
    known = np.isfinite(gap)
    if known.mean() < LEAST_SHARE:
        return None
    frames = np.arange(len(gap))
    return gaussian_filter1d(np.interp(frames, frames[known], gap[known]), GAP_SIGMA)


def voice_level(voice: Audio, frames: int, fps: float) -> NDArray[np.float64]:
    """log10 of the power in the band, smoothed, at the middle of each frame, [f]."""
    samples = mono_16k(voice).numpy()
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    power = np.concatenate([_band_power(part) for part in _parts(samples)])
    if not power.max():
        return np.zeros(frames)
    level = gaussian_filter1d(np.log10(np.maximum(power, FLOOR * power.max())), VOICE_SIGMA)
    times = (np.arange(len(level)) * HOP + WINDOW / 2) / SAMPLE_RATE
    return np.interp((np.arange(frames) + 0.5) / fps, times, level)


def scaled(values: NDArray) -> NDArray[np.float64]:
    """Into 0..1."""
    span = values.max() - values.min()
    return (values - values.min()) / span if span else np.zeros(len(values))


def _parts(samples: NDArray) -> list[NDArray]:
    """Windows [t 400], a few at a time."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    return np.array_split(windows, -(-len(windows) // AT_ONCE))


def _band_power(windows: NDArray) -> NDArray[np.float64]:
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(WINDOW))) ** 2
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    return spectrum[:, (hertz >= BAND[0]) & (hertz < BAND[1])].sum(1)
