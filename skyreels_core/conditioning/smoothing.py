"""Gaps and jitter of values [f d] measured frame by frame; a frame where any is missing has NaN."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter1d, label, median_filter

from ..timeline import Timeline

MAX_GAP_SECONDS = 0.5  # longer gaps are not interpolated
MEDIAN_FRAMES, SIGMA_FRAMES = 5, 2.0


def is_known(values: np.ndarray) -> np.ndarray:
    """[f d] -> bool [f]."""
    return np.logical_not(np.isnan(values).any(1))


def interpolate_gaps(values: np.ndarray, fps: float) -> np.ndarray:
    """Fill gaps of at most 0.5 s on a straight line, at the ends with the nearest value; longer ones stay."""
    known, filled = np.flatnonzero(is_known(values)), values.copy()
    for gap in runs(~is_known(values)):
        if len(known) and Timeline(gap.stop - gap.start, fps).seconds <= MAX_GAP_SECONDS:
            frames = np.arange(gap.start, gap.stop)
            filled[gap] = np.stack([np.interp(frames, known, column[known]) for column in values.T], axis=1)
    return filled


def hold_gaps(values: np.ndarray) -> np.ndarray:
    """Fill every gap with the last known value, before the first one with the first."""
    known = np.flatnonzero(is_known(values))
    if not len(known):
        return values
    frames = np.arange(len(values))
    return values[known[np.maximum(np.searchsorted(known, frames, side="right") - 1, 0)]]


def smooth(values: np.ndarray) -> np.ndarray:
    """Median over 5 frames, then a Gaussian of sigma 2 frames, each uninterrupted run on its own."""
    smoothed = values.copy()
    for run in runs(is_known(values)):
        steady = median_filter(values[run], size=(MEDIAN_FRAMES, 1), mode="nearest")
        smoothed[run] = gaussian_filter1d(steady, SIGMA_FRAMES, axis=0, mode="nearest")
    return smoothed


def runs(flags: np.ndarray) -> list[slice]:
    """Where bool [f] is True without interruption."""
    return [run[0] for run in find_objects(cast(Any, label(flags))[0])]
