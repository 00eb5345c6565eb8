"""Fitting a whole recipe into a given time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .loop import Stage

LEAST_SECONDS = 1.0  # of a stage for which no time is left: its weights exist at least


@dataclass(frozen=True)
class TimeBudget:
    """Shares the time until a deadline among the parts that are left, in proportion to the seconds that they state.

    A part that takes longer or shorter than its share changes those of the later ones, never the end.
    """

    deadline: float  # of time.monotonic()
    parts: Sequence[tuple[str, float]]  # name and stated seconds, in the order in which they run

    def limited(self, stage: Stage, spent: float) -> Stage:
        """The stage with its share; what an earlier session spent in it comes on top."""
        return replace(stage, seconds=spent + max(LEAST_SECONDS, self.share(stage.name)))

    def share(self, name: str) -> float:
        """Seconds that a part gets if it starts now; nothing for one that is no part of this."""
        names = [known for known, _ in self.parts]
        if name not in names:
            return 0.0
        left = [seconds for _, seconds in self.parts[names.index(name) :]]
        return max(0.0, self.deadline - time.monotonic()) * left[0] / sum(left)
