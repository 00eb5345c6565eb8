"""Which worker computes which forward pass of a step.

The units of a step are independent once its latent is known, so whole units are dealt first: they send one latent
each. What is left over when they do not come out even may be computed by groups of workers, each on one unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf

from .sequence.shares import group_sizes

GROUP_EFFICIENCY = (
    0.95  # of a forward that is split, as estimated in parallel.cost for NVLink: it decides what is split
)


@dataclass(frozen=True)
class Round:
    """Units that are computed at the same time, each by a group of as many workers."""

    group: int
    units: int


@dataclass(frozen=True)
class Deal:
    """Of `units` on `workers`, of which up to `largest_group` may share one unit."""

    units: int
    workers: int
    largest_group: int = 1

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """Whole units as long as they fill the workers, then what takes the least time for the rest."""
        full, rest = divmod(self.units, self.workers)
        return (Round(1, self.workers),) * full + _rest(rest, self.workers, self.largest_group)[1]

    @cached_property
    def groups(self) -> tuple[range, ...]:
        """The workers of each unit, in order."""
        return tuple(
            range(place * each.group, (place + 1) * each.group)
            for each in self.rounds
            for place in range(each.units)
        )

    @property
    def seconds(self) -> float:
        """In forward passes of one device."""
        return sum(_seconds(each.group) for each in self.rounds)

    @property
    def remainder(self) -> int:
        """Units beyond the last round that fills all workers."""
        return self.units % self.workers


def _seconds(group: int) -> float:
    return 1.0 if group == 1 else 1 / (group * GROUP_EFFICIENCY)


@cache
def _rest(units: int, workers: int, largest: int) -> tuple[float, tuple[Round, ...]]:
    """The least time for fewer units than workers, and its rounds, the smallest groups first."""
    if units == 0:
        return 0.0, ()
    best: tuple[float, tuple[Round, ...]] = (inf, ())
    for size in group_sizes(workers, largest):
        taken = min(units, workers // size)
        after, rounds = _rest(units - taken, workers, largest)
        if _seconds(size) + after < best[0] - 1e-9:
            ordered = sorted((Round(size, taken), *rounds), key=lambda each: each.group)
            best = _seconds(size) + after, tuple(ordered)
    return best


@dataclass(frozen=True)
class Efficiency:
    """Of a whole run, from the number of units that each call deals."""

    calls: tuple[int, ...]
    workers: int
    largest_group: int = 1

    @cached_property
    def _deals(self) -> list[Deal]:
        return [Deal(units, self.workers, self.largest_group) for units in self.calls]

    @property
    def seconds(self) -> float:
        """In forward passes of one device."""
        return sum(deal.seconds for deal in self._deals)

    @property
    def share(self) -> float:
        """Of the devices' time that computes: 1 where every unit comes out even."""
        return sum(self.calls) / (self.workers * self.seconds) if self.seconds else 1.0

    def __str__(self) -> str:
        uneven = sum(deal.remainder > 0 for deal in self._deals)
        left = f"; in {uneven} of {len(self.calls)} rounds some of them wait" if uneven else ""
        return (
            f"{sum(self.calls)} forward passes on {self.workers} {devices(self.workers)} take as long as "
            f"{self.seconds:g} on one, so {self.share:.0%} of the devices' time is used{left}."
        )


def devices(count: int) -> str:
    return "device" if count == 1 else "devices"


def efficiency(calls: Iterable[int], workers: int, largest_group: int = 1) -> Efficiency:
    return Efficiency(tuple(units for units in calls if units), workers, largest_group)
