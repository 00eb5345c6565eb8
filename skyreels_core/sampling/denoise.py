"""The denoiser: which (window, branch) units a step needs, and how their predictions become one.

It knows no network. `evaluate` runs the core's own backbone, a host's, or an executor that deals the units to
several devices; guidance, cache and fusion are the same for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal, cast

from torch import Tensor

from ..windows import Window, WindowPlan
from .cache import StepCache
from .finite import ComputeInfo
from .guidance import BRANCHES, Guidance
from .hybrid import Hybrid, Variant, variant_at
from .pinning import Pinning


@dataclass(frozen=True)
class Unit:
    """One forward of the network."""

    window: Window
    branch: str  # a name from the guidance rule
    variant: Variant  # of the window's condition


# (units, x [b c t h w] of the whole length, sigma) -> [b c t h w] of each unit's window; may be an iterator
Evaluate = Callable[[Sequence[Unit], Tensor, float], Iterable[Tensor]]
Progress = Callable[[int, int, str], None]  # (forwards done, forwards planned, what was done)


@dataclass(frozen=True)
class Counts:
    computed: Counter[Unit]
    reused: Counter[Unit]


class Denoiser:
    """(x, sigma) -> denoised, for one run of a solver.

    `predicts` says what `evaluate` gives: the velocity eps - x0, or x0 itself as a host does. `sigmas` are
    those of the run where it is a part of guidance's full schedule; they only set the planned total.
    `check_cancel` raises to cancel; it is asked before each call of `evaluate`, which gets `units_per_call`
    units (an executor: as many as it has devices; None: all of one window). A cancelled step can be taken
    again. `arithmetic` is what `evaluate` computes with, for when it gives no numbers. With `pinning`, each window
    sees its own video outside the region, and one call has units of one window.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        windows: WindowPlan,
        guidance: Guidance,
        hybrid: Hybrid | None = None,
        cache: StepCache | None = None,
        progress: Progress | None = None,
        check_cancel: Callable[[], None] | None = None,
        *,
        predicts: Literal["velocity", "denoised"] = "velocity",
        units_per_call: int | None = 1,
        sigmas: Iterable[float] | None = None,
        arithmetic: ComputeInfo | None = None,
        pinning: Pinning | None = None,
    ) -> None:
        self.evaluate, self.windows, self.guidance = evaluate, windows, guidance
        self.hybrid, self.cache = hybrid, cache
        self.progress, self.check_cancel = progress, check_cancel
        self.predicts, self.units_per_call = predicts, units_per_call
        self.arithmetic = arithmetic or ComputeInfo()
        self.pinning = pinning
        self.total = self.planned_forwards(sigmas)
        self.reset()

    def reset(self) -> None:
        """Forget the run: what the next one computes does not depend on this one."""
        self.velocities: dict[Unit, Tensor] = {}
        self.counts = Counts(Counter(), Counter())

    def planned_forwards(self, sigmas: Iterable[float] | None = None) -> int:
        """Forwards of a run that evaluates each of `sigmas` but the last once; default: the full schedule."""
        return sum(self.planned_calls(sigmas))

    def planned_calls(self, sigmas: Iterable[float] | None = None) -> list[int]:
        """The same, by the calls of `evaluate`: how many units each has."""
        run = self.guidance.grid.values if sigmas is None else [float(sigma) for sigma in sigmas]
        calls, held = [], []
        for sigma in run[:-1]:
            units = self._units(sigma)
            missing = self._missing(units, sigma, held)
            calls += [len(group) for group in self._groups(missing, self._pins(sigma))]
            held = [] if self.cache is None else units[: self.cache.limit]
        return calls

    def held_for(self, sigma: float) -> dict[Unit, Tensor]:
        """The velocities that a step at `sigma` may reuse."""
        computes = self.cache is None or self.cache.plan.is_computed(sigma)
        return {} if computes else self.velocities

    def go_on(self, velocities: dict[Unit, Tensor], counts: Counts) -> None:
        """Take over what `held_for` and `counts` gave in an earlier part of the same run."""
        self.velocities, self.counts = velocities, counts

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Denoised x0 [b c t h w]. Raises InputError where the prediction is not finite."""
        coefficients, first = self.guidance.coefficients(sigma), not self.counts.computed
        held: dict[Unit, Tensor] = {}
        denoised = self._denoised(x, sigma, held)
        guided = (
            self._kept(
                cast(Tensor, sum(scale * next(denoised) for scale in coefficients.values())), window, sigma
            )
            for window in self.windows.windows
        )
        fused = self.windows.fuse(guided, first_step=self.guidance.grid.index(sigma) == 0)
        self.arithmetic.check_prediction(fused, sigma, first)
        self.velocities = held
        return fused

    def _units(self, sigma: float) -> list[Unit]:
        variant = variant_at(self.hybrid, sigma)
        branches = self.guidance.coefficients(sigma)
        return [Unit(window, branch, variant) for window in self.windows.windows for branch in branches]

    def _missing(self, units: list[Unit], sigma: float, held: Container[Unit]) -> list[Unit]:
        if self.cache is None or self.cache.plan.is_computed(sigma):
            return units
        return [unit for unit in units if unit not in held]

    def _denoised(self, x: Tensor, sigma: float, held: dict[Unit, Tensor]) -> Iterator[Tensor]:
        units = self._units(sigma)
        missing = self._missing(units, sigma, self.velocities)
        computed = self._computed(missing, x, sigma)
        reused = set(units) - set(missing)
        if not reused:
            self.velocities = {}  # never two sets of them at a time
        for unit in units:
            part = self._part(x, unit.window, sigma)
            if unit in reused:
                held[unit] = self.velocities[unit]
                self.counts.reused[unit] += 1
                yield part - sigma * held[unit].to(part.device)
            else:
                prediction = next(computed)
                if self.cache is not None and self._has_room(held):
                    held[unit] = self.cache.hold(self._velocity(prediction, part, sigma))
                yield prediction if self.predicts == "denoised" else part - sigma * prediction

    def _pins(self, sigma: float) -> bool:
        return self.pinning is not None and self.pinning.pins(sigma)

    def _part(self, x: Tensor, window: Window, sigma: float) -> Tensor:
        """What a window sees of x."""
        part = x[:, :, window.frames]
        return self.pinning.replaced(part, window, sigma) if self.pinning and self._pins(sigma) else part

    def _kept(self, guided: Tensor, window: Window, sigma: float) -> Tensor:
        return self.pinning.restored(guided, window) if self.pinning and self._pins(sigma) else guided

    def _has_room(self, held: dict[Unit, Tensor]) -> bool:
        return self.cache is not None and (self.cache.limit is None or len(held) < self.cache.limit)

    def _velocity(self, prediction: Tensor, part: Tensor, sigma: float) -> Tensor:
        return prediction if self.predicts == "velocity" else (part - prediction) / sigma

    def _computed(self, units: list[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        pins = self._pins(sigma)
        seen = x.clone() if pins else x
        for group in self._groups(units, pins):
            if self.check_cancel is not None:
                self.check_cancel()
            if pins:  # written over where windows overlap, as each has its own
                window = group[0].window
                seen[:, :, window.frames] = self._part(x, window, sigma)
            for unit, prediction in zip(group, self.evaluate(group, seen, sigma), strict=True):
                self.counts.computed[unit] += 1
                if self.progress is not None:
                    self.progress(self.counts.computed.total(), self.total, self._label(unit))
                yield prediction

    def _groups(self, units: list[Unit], by_window: bool) -> Iterator[list[Unit]]:
        size = self.units_per_call
        if size is None or by_window:
            for _, group in groupby(units, attrgetter("window")):
                yield from chunks(list(group), size)
        else:
            yield from chunks(units, size)

    def _label(self, unit: Unit) -> str:
        seen = BRANCHES.get(unit.branch, unit.branch)
        return f"window {unit.window.index + 1} of {len(self.windows.windows)} with {seen}"


def chunks(units: list[Unit], size: int | None) -> Iterator[list[Unit]]:
    size = size or len(units)
    return (units[first : first + size] for first in range(0, len(units), size))
