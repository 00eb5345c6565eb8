"""Which face is the largest, frame by frame, without changing back and forth between two that are about as large."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import median_filter

from .smoothing import interpolate_gaps

MUCH_LARGER = 1.5  # times the area of the face that is masked: from there on another one is
STEADY_SECONDS = 0.5  # what is larger for less than half of them is a turn of the head or a false detection


def largest_in_turn(areas: np.ndarray, fps: float) -> list[tuple[int, slice]]:
    """Areas of the faces of a shot [faces f], 0 where unseen -> the masked face and its frames, one after the other.

    It is the one that is largest over the shot, but where it is unseen, for longer than is interpolated, or another
    one is much larger.
    """
    steady = _steady(areas, fps)
    main = current = int(areas.sum(1).argmax())
    chosen = []
    for now in steady.T:
        largest = int(now.argmax())
        if now[largest] > MUCH_LARGER * now[current]:
            current = largest
        elif now[main] > now[current]:
            current = main
        chosen.append(current)
    ends = [0, *(np.flatnonzero(np.diff(chosen)) + 1), len(chosen)]
    return [(chosen[first], slice(first, last)) for first, last in pairwise(ends)]


def _steady(areas: np.ndarray, fps: float) -> np.ndarray:
    """The same [faces f] without short gaps and without what lasts for an instant only."""
    seen = np.where(areas > 0, areas, np.nan)
    whole = np.stack([interpolate_gaps(face[:, None], fps)[:, 0] for face in seen])
    frames = 2 * round(STEADY_SECONDS * fps / 2) + 1
    return median_filter(np.nan_to_num(whole), size=(1, frames), mode="nearest")
