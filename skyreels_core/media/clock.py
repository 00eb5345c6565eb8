"""The time stamps of a video's frames as one constant rate: the grid on which they lie.

A recording of 25 frames a second that lost some is still one of 25, and one of 60 with a still of three seconds one
of 60: what its frames have in common is the grid, not their average. A frame lasts until the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NTSC = 1000 / 1001
USUAL = (10, 12, 12.5, 15, 16, 20, 24 * NTSC, 24, 25, 30 * NTSC, 30, 48, 50, 60 * NTSC, 60)  # frames a second
DENSE = (90, 100, 120 * NTSC, 120, 240)  # of files whose frames really come as often
DEFAULT_RATE = 25.0  # of a single frame whose file states no rate of moving pictures
SLOWEST_MOVING, FASTEST_USUAL = 5, 61  # frames a second, of what is no slide show
SLOWEST_TIMED = 0.1  # frames a second; slower is no video but a damaged header, and is refused as such
SMOOTH_RATE = 24  # frames a second, at least, of slides that change less often
EXACT = 0.02  # of a frame, beside the container's own step: rounding
JITTER = 0.2  # of a frame, root mean square: cameras, browsers
ODD = 0.02  # of a frame, by which a rate that nobody uses or states has to lie nearer
ROUNDED = 1e-5  # of a rate: what is as near to a usual one is that one
ALIKE = 1.5  # rates that are not this much apart are one grid, read more or less exactly
LONGEST_STILL = 3600.0  # seconds; a clock that jumps further has no meaning
MANY = 0.1  # share of stamps that go back, from which they are not the order in which frames are shown


@dataclass(frozen=True, eq=False)
class Clock:
    """When each frame is on screen."""

    fps: float  # frames per second
    frame_indices: np.ndarray  # [f], the decoded frame that each frame of the video shows

    @property
    def held(self) -> int:
        """Frames that repeat the one before, but for the last one's."""
        return int((np.diff(self.frame_indices[self.frame_indices < self.frame_indices[-1]]) == 0).sum())

    def lost(self, decoded: int) -> int:
        """Frames that are never shown."""
        return decoded - len(np.unique(self.frame_indices))


def read_clock(times: np.ndarray, end: float, stated: Sequence[float], step: float) -> Clock:
    """times: [n] seconds from the first frame on, ascending, as from `ascending`; end: seconds at which the last one
    ends, where that is known; stated: rates that the container states, the best first; step: of its clock, seconds.
    """
    stated = [rate for rate in stated if rate > 0]
    fps, slots = _grid(times, stated, step)
    length = max(slots[-1] + 1, round(min(end, times[-1] + LONGEST_STILL) * fps))
    factor = 1 if not SLOWEST_TIMED <= fps < SLOWEST_MOVING else int(np.ceil(SMOOTH_RATE / fps))
    shown = np.searchsorted(slots * factor, np.arange(length * factor), side="right") - 1
    return Clock(fps * factor, shown)


def ascending(times: np.ndarray, period: float) -> tuple[np.ndarray, int]:
    """Time stamps without the jumps of joined files, and how many there were: after one that goes back, or forward
    by hours, the next frame follows after `period` seconds."""
    steps = np.diff(times)
    jumps = (steps <= 0) | (steps > LONGEST_STILL)
    return np.concatenate([[0.0], np.cumsum(np.where(jumps, period, steps))]), int(jumps.sum())


def in_order(times: np.ndarray) -> bool:
    """Whether stamps say when frames are shown: few of them, at joins, go back."""
    return bool(np.isfinite(times).all()) and (np.diff(times) <= 0).sum() <= MANY * len(times)


def _grid(times: np.ndarray, stated: list[float], step: float) -> tuple[float, np.ndarray]:
    """The lowest rate with a slot for each frame, and these slots [n]."""
    if len(times) == 1:
        rate = next((rate for rate in stated if SLOWEST_MOVING <= rate <= FASTEST_USUAL), DEFAULT_RATE)
        return rate, np.zeros(1, int)
    period = float(np.median(np.diff(times)))
    rates = [rate for rate in (*stated, *USUAL, *DENSE) if rate < max(FASTEST_USUAL, 1.05 / period)]
    fitted = [1 / period, _fitted(times, period)]
    readings = [it for rate in (*rates, *fitted) if (it := _read(times, rate)) is not None]
    exact = [it for it in readings if np.abs(it.away).max() < step * it.rate + EXACT]
    if exact:
        odd = {rate for rate in fitted if rate not in stated and not _is_usual(rate)}
        return _best(
            exact, lambda it: (it.rate in odd, it.rate not in stated, it.slots[-1], _spread(it.away))
        )
    near = [it for it in readings if _spread(it.away) < JITTER]
    if near:  # where what is stated may be an average, which is no grid
        doubts = {it.rate: (it.rate not in stated) + 2 * (not _is_usual(it.rate)) for it in near}
        return _best(near, lambda it: _spread(it.away) + ODD * doubts[it.rate])
    return _without_grid(times)


@dataclass(frozen=True, eq=False)
class _Reading:
    """Frames laid on a rate."""

    rate: float
    slots: np.ndarray  # [n], from 0 on
    away: np.ndarray  # [n], of a frame


def _read(times: np.ndarray, rate: float) -> _Reading | None:
    """None where two frames share a slot."""
    turns = times * rate
    turns -= np.angle(np.exp(2j * np.pi * turns).mean()) / (2 * np.pi)
    slots = np.round(turns).astype(int)
    return None if (np.diff(slots) < 1).any() else _Reading(rate, slots - slots[0], turns - slots)


def _spread(away: np.ndarray) -> float:
    return float(np.sqrt(np.mean(away**2)))


def _is_usual(rate: float) -> bool:
    return min(abs(rate / usual - 1) for usual in (*USUAL, *DENSE)) < ROUNDED


def _best(found: list[_Reading], cost: Callable[[_Reading], Any]) -> tuple[float, np.ndarray]:
    """Of the readings of the lowest grid the one that costs least."""
    lowest = min(it.rate for it in found)
    best = min((it for it in found if it.rate < ALIKE * lowest), key=cost)
    return float(best.rate), best.slots


def _fitted(times: np.ndarray, period: float) -> float:
    """The rate of a clock that is a little fast or slow."""
    for _ in range(3):
        counts = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(np.diff(times) / period)))])
        period = np.polyfit(counts, times, 1)[0]
    return 1 / float(period)


def _without_grid(times: np.ndarray) -> tuple[float, np.ndarray]:
    """The lowest usual rate that shows every frame, none of them a frame late; else the highest."""
    rates, numbers = [rate for rate in USUAL if rate % 0.5 == 0], np.arange(len(times))
    for rate in rates:
        turns = times * rate
        slots = np.maximum.accumulate(np.round(turns).astype(int) - numbers) + numbers
        if (slots - turns).max() < 1:
            return float(rate), slots
    return float(rates[-1]), np.round(times * rates[-1]).astype(int)
