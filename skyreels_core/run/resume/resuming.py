"""The state of a run after each step, and how to go on from it bit for bit."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from ...errors import InputError
from ...sampling.denoise import Counts, Denoiser, Unit
from ...sampling.hybrid import Variant
from ...sampling.solvers import SolverState
from .folder import START_AGAIN, WorkFolder

logger = logging.getLogger(__name__)

VELOCITY = "velocity "


@dataclass(frozen=True)
class Resumable:
    """Between a solver and its denoiser on one side and a run state on the other."""

    work: WorkFolder
    denoiser: Denoiser
    sigmas: Sequence[float]  # of the run

    def begin(self, x: Tensor) -> Tensor | SolverState:
        """What the solver starts from: the noise x, or the state that was saved last, on the device of x."""
        saved = self.work.load()
        if saved is None:
            return x
        try:
            return self._go_on(x, *saved)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"The state in {self.work.path} does not fit this run ({error!r}). It cannot be resumed: "
                f"{START_AGAIN}."
            ) from error

    def save(self, state: SolverState) -> None:
        """After each step; what the next one may reuse of the cache goes with it. A disk that is full ends no
        run."""
        velocities = self.denoiser.held_for(self.sigmas[state.step])
        tensors = {VELOCITY + name_of(unit): velocity for unit, velocity in velocities.items()}
        tensors["x"] = state.x
        if state.denoised is not None:
            tensors["denoised"] = state.denoised
        counts = self.denoiser.counts
        values = {
            "step": state.step,
            "computed": {name_of(unit): count for unit, count in counts.computed.items()},
            "reused": {name_of(unit): count for unit, count in counts.reused.items()},
        }
        try:
            self.work.save(tensors, values)
        except InputError as error:
            logger.warning(
                "%s The run continues, but progress is not saved until there is disk space.", error
            )

    def _go_on(self, x: Tensor, tensors: dict[str, Tensor], values: dict) -> SolverState:
        state = SolverState(values["step"], tensors["x"].to(x), _like(tensors.get("denoised"), x))
        if state.x.shape != x.shape or not 0 < state.step < len(self.sigmas):
            raise ValueError(f"step {state.step} of {list(state.x.shape)}")
        stay = self.denoiser.cache is not None and self.denoiser.cache.on_cpu
        velocities = {
            self._unit(name.removeprefix(VELOCITY)): velocity if stay else velocity.to(x.device)
            for name, velocity in tensors.items()
            if name.startswith(VELOCITY)
        }
        computed, reused = (
            Counter({self._unit(name): int(count) for name, count in values[kind].items()})
            for kind in ("computed", "reused")
        )
        self.denoiser.go_on(velocities, Counts(computed, reused))
        return state

    def _unit(self, name: str) -> Unit:
        window, branch, variant = name.split()
        return Unit(self.denoiser.windows.windows[int(window)], branch, cast(Variant, variant))


def name_of(unit: Unit) -> str:
    return f"{unit.window.index} {unit.branch} {unit.variant}"


def _like(tensor: Tensor | None, x: Tensor) -> Tensor | None:
    return None if tensor is None else tensor.to(x)
