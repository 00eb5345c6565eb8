"""The flow schedule, and a noise level's place in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

TIMESTEPS = 1000  # a timestep is 1000 sigma; the schedule is drawn from thousandths, as in the host
SPACINGS = ("even", "to_the_end")
SMALLEST_SHIFT, LARGEST_SHIFT = 0.01, 100  # beyond them neighbouring sigmas are the same numbers
Sigmas = Iterable[float] | Tensor  # [steps + 1], falling
SAME_SIGMA = 1e-6  # a sigma that travelled through float32 is still the grid's own


def flow_sigmas(steps: int, shift: float, spacing: str = "even") -> Tensor:
    """Sigmas [steps + 1] from 1 to 0 in float64: thousandths t, shifted to k t / (1 + (k - 1) t).

    `even` are the numbers of the host's `simple` scheduler over its discrete flow with the same shift. `to_the_end`
    are those that the MultiTalk family publishes: the last step begins at the last thousandth.
    Raises InputError for less than one step or more than there are thousandths, a shift outside 0.01..100,
    and another spacing.
    """
    if spacing not in SPACINGS:
        raise InputError(f"The spacing {spacing!r} is unknown; use one of {', '.join(SPACINGS)}.")
    if not 1 <= steps <= TIMESTEPS or not SMALLEST_SHIFT <= shift <= LARGEST_SHIFT:
        raise InputError(
            f"The run has {steps} steps (--steps) and shift {shift} (--shift); give 1 to {TIMESTEPS} steps "
            f"and a shift from {SMALLEST_SHIFT} to {LARGEST_SHIFT}, such as 5."
        )
    if spacing == "even":
        taken = torch.tensor([int(step * (TIMESTEPS / steps)) for step in range(steps)] + [TIMESTEPS])
    else:
        taken = torch.cat(
            [torch.linspace(0, TIMESTEPS - 1, steps, dtype=torch.float64), torch.tensor([TIMESTEPS])]
        )
    t = (TIMESTEPS - taken).to(torch.float64) / TIMESTEPS
    return shift * t / (1 + (shift - 1) * t)


def whole_steps(steps: int, denoise: float) -> int:
    """Of the schedule whose last `steps` are taken at this denoise strength, 0..1, as ComfyUI counts them.

    Raises InputError for a strength outside 0..1, and one so low that the schedule has not as many steps.
    """
    if not 0 < denoise <= 1:
        raise InputError(
            f"The denoise strength is {denoise}; give a number above 0 and up to 1, such as 0.7."
        )
    whole = int(steps / denoise)
    if denoise < 1 and whole > TIMESTEPS:
        raise InputError(
            f"{steps} steps at a denoise strength of {denoise:g} are the last of {whole}; a schedule has up to "
            f"{TIMESTEPS}. Give a strength of {steps / TIMESTEPS:g} or more, or fewer steps."
        )
    return whole


def full_schedule(sigmas: Sigmas, shift: float) -> SigmaGrid:
    """The whole schedule that a run over `sigmas` is a part of, so that its steps keep their place.

    A run from 1 to 0 is whole. A part, as of split sigmas or less than full denoising, is looked for in the flow
    schedules with this shift; of another scheduler's part only the noise levels count.
    """
    run = SigmaGrid(sigmas)
    if run.values[0] >= 1 - SAME_SIGMA and run.values[-1] == 0:
        return run
    for steps in range(run.steps, TIMESTEPS):
        whole = SigmaGrid(flow_sigmas(steps, shift))
        if all(whole.index(sigma) is not None for sigma in run.values):
            return whole
    return SigmaGrid(flow_sigmas(TIMESTEPS, shift))


@dataclass(frozen=True)
class SigmaGrid:
    """A schedule's own copy of its sigmas [steps + 1]: a sampler may overwrite the tensor that it gets."""

    values: tuple[float, ...]

    def __init__(self, sigmas: Sigmas) -> None:
        values = tuple(float(sigma) for sigma in sigmas)
        if len(values) < 2 or any(here < after for here, after in pairwise(values)):
            given = ", ".join(f"{value:.4g}" for value in values)
            raise InputError(
                f"The sigmas [{given}] cannot be a schedule; give two or more that decrease, from noise to picture."
            )
        object.__setattr__(self, "values", values)

    @property
    def steps(self) -> int:
        return len(self.values) - 1

    def index(self, sigma: float) -> int | None:
        """The step that starts at `sigma`; None for a sigma between the grid's."""
        nearest = int(np.argmin(np.abs(np.subtract(self.values, sigma))))
        return nearest if abs(self.values[nearest] - sigma) <= SAME_SIGMA else None

    def progress(self, sigma: float) -> float:
        """0 at the first sigma, 1 at the last, even over the steps, linear between two of them."""
        index = self.index(sigma)
        if index is None:
            index = np.interp(-sigma, np.negative(self.values), np.arange(len(self.values)))
        return float(index) / self.steps
