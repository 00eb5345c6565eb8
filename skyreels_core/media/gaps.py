"""Where sound is silent although nothing says so: time stamps that go on while no sound came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .packets import Piece

STEP = (0.005, 0.04)  # seconds: less between two pieces is rounding, more is a gap however uneven the clock
DRIFT = 0.04  # seconds to which small differences may add up; the eye forgives as much
AROUND = 5  # pieces whose median place counts: the stamps of single ones are wrong in many files
BACK = 0.5  # seconds; stamps that fall back further are those of another recording
LONGEST = 3600.0  # seconds of silence in one recording; a clock that jumps further has no meaning
LONGEST_UNSTEADY = 10.0  # of formats whose clocks may start anew at any time, as broadcasts do


@dataclass(frozen=True, eq=False)
class Gaps:
    before: np.ndarray  # [pieces], seconds of silence before each but the first
    jumps: list[float]  # seconds of sound before each place where the clock jumps without a meaning

    @property
    def seconds(self) -> float:
        return float(self.before.sum())


def find_gaps(pieces: Sequence[Piece], longest: float = LONGEST) -> Gaps:
    """longest: seconds that a pause may last."""
    before, jumps = np.zeros(len(pieces)), []
    starts = np.concatenate([[0.0], np.cumsum([piece.seconds for piece in pieces])])[:-1]
    stamped = _later_than_counted(pieces, starts)  # [pieces], how much later a piece is than by its samples
    fine = float(np.clip(4 * np.median(np.abs(np.diff(stamped))), *STEP)) if len(pieces) > 1 else DRIFT
    late = _median(stamped)
    base = late[0]
    for index in range(1, len(pieces)):
        step, sudden = late[index] - base, late[index] - late[index - 1]
        if step > DRIFT or min(step, sudden) > fine:
            if step > min(longest, LONGEST - before.sum()):
                jumps.append(float(starts[index]))
            else:
                before[index] = step
            base = late[index]
        elif step < -BACK:
            base = late[index]
    return Gaps(before, jumps)


def _later_than_counted(pieces: Sequence[Piece], starts: np.ndarray) -> np.ndarray:
    """A piece without a time follows the one before."""
    late, known = np.zeros(len(pieces)), 0.0
    for index, piece in enumerate(pieces):
        known = known if piece.time is None else piece.time - starts[index]
        late[index] = known
    return late


def _median(values: np.ndarray) -> np.ndarray:
    """Running, over AROUND of them: steps stay where they are."""
    padded = np.pad(values, AROUND // 2, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, AROUND), axis=1)
