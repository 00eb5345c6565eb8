"""Solvers as functions of (model, x, sigmas): they know no network, no host and no windows.

The variable and the numbers are those of k-diffusion's `sample_euler`, `sample_dpmpp_2m` (DPM-Solver++(2M),
Lu et al. 2022, arXiv 2211.01095) and `sample_lcm` (Luo et al. 2023, arXiv 2310.04378), with the model giving x0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_SEED = 2**64 - 1  # of torch.Generator
VIDEO, PART = 5, 64  # dimensions of latents [b c t h w]; frames of them that a step computes at a time
Model = Callable[[Tensor, float], Tensor]  # (x, sigma) -> denoised
Callback = Callable[[int, Tensor, Tensor], None]  # (step, x, denoised) before each step; may raise to cancel


@dataclass(frozen=True)
class SolverState:
    """Everything that a run needs to go on: save it, and give it to the same solver instead of x."""

    step: int  # the next step to take
    x: Tensor  # at sigmas[step]
    denoised: Tensor | None = None  # of the step before; what a multistep solver remembers


# What a solver starts from, or what gives it: then nobody else holds it.
Start = Tensor | SolverState | Callable[[], Tensor | SolverState]
# (x, denoised, denoised of the step before, sigmas, step) -> x of the next step
Step = Callable[[Tensor, Tensor, Tensor | None, list[float], int], Tensor]


@torch.no_grad()
def _solve(
    step: Step,
    model: Model,
    start: Start,
    sigmas: Iterable[float],
    callback: Callback | None,
    save: Callable[[SolverState], None] | None,
    remembers: bool,
) -> Tensor:
    sigmas = [float(sigma) for sigma in sigmas]
    state = _state_of(start)
    del start
    for i in range(state.step, len(sigmas) - 1):
        denoised = model(state.x, sigmas[i])
        if callback is not None:
            callback(i, state.x, denoised)
        x = step(state.x, denoised, state.denoised, sigmas, i)
        state = SolverState(i + 1, x, denoised if remembers else None)
        del x, denoised  # not held while the next ones are made
        if save is not None:
            save(state)
    return state.x


def _state_of(start: Start) -> SolverState:
    begun = start() if callable(start) else start
    return begun if isinstance(begun, SolverState) else SolverState(0, begun)


def _in_parts(step: Step) -> Step:
    """The same numbers, a few frames at a time: what is computed on the way does not grow with the length."""

    def whole(x: Tensor, denoised: Tensor, previous: Tensor | None, sigmas: list[float], i: int) -> Tensor:
        if x.ndim != VIDEO or x.shape[2] <= PART:
            return step(x, denoised, previous, sigmas, i)
        after = torch.empty_like(x)
        for first in range(0, x.shape[2], PART):
            part = slice(first, first + PART)
            earlier = None if previous is None else previous[:, :, part]
            after[:, :, part] = step(x[:, :, part], denoised[:, :, part], earlier, sigmas, i)
        return after

    return whole


@_in_parts
def _euler_step(x: Tensor, denoised: Tensor, previous: Tensor | None, sigmas: list[float], i: int) -> Tensor:
    return x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])


@_in_parts
def _dpmpp_2m_step(
    x: Tensor, denoised: Tensor, previous: Tensor | None, sigmas: list[float], i: int
) -> Tensor:
    ratio = sigmas[i + 1] / sigmas[i]
    if previous is None or sigmas[i + 1] == 0:
        return ratio * x + (1 - ratio) * denoised
    weight = math.log(ratio) / (2 * math.log(sigmas[i] / sigmas[i - 1]))
    return ratio * x + (1 - ratio) * ((1 + weight) * denoised - weight * previous)


def euler(
    model: Model,
    x: Start,
    sigmas: Iterable[float],
    callback: Callback | None = None,
    save: Callable[[SolverState], None] | None = None,
    seed: int = 0,
) -> Tensor:
    """From x at sigmas[0], or a saved state, to x at sigmas[-1]. `save` gets the state after each step; `seed` is
    for solvers that draw noise, and changes nothing here."""
    return _solve(_euler_step, model, x, sigmas, callback, save, remembers=False)


def dpmpp_2m(
    model: Model,
    x: Start,
    sigmas: Iterable[float],
    callback: Callback | None = None,
    save: Callable[[SolverState], None] | None = None,
    seed: int = 0,
) -> Tensor:
    """As `euler`, second order: it extrapolates from the step before, which a saved state carries."""
    return _solve(_dpmpp_2m_step, model, x, sigmas, callback, save, remembers=True)


def lcm(
    model: Model,
    x: Start,
    sigmas: Iterable[float],
    callback: Callback | None = None,
    save: Callable[[SolverState], None] | None = None,
    seed: int = 0,
) -> Tensor:
    """As `euler`, for networks distilled to a few steps: each step goes to x0 and adds fresh noise.

    The noise of a step is the same wherever the run resumes, and on every device.
    """
    x = _state_of(x)
    draw = fresh_noise(seed, x)

    def step(x: Tensor, denoised: Tensor, previous: Tensor | None, sigmas: list[float], i: int) -> Tensor:
        after = sigmas[i + 1]
        return (1 - after) * denoised + after * draw().to(x.device) if after > 0 else denoised

    return _solve(step, model, x, sigmas, callback, save, remembers=False)


def fresh_noise(seed: int, start: Tensor | SolverState) -> Callable[[], Tensor]:
    """Draws like `start`, one for each step from there on. The generator is the host's on a CPU: a run's first
    noise has the seed itself, so that its steps take the next one."""
    state = start if isinstance(start, SolverState) else SolverState(0, start)
    generator = torch.Generator().manual_seed((seed + 1) & LARGEST_SEED)

    def draw() -> Tensor:
        return torch.randn(state.x.shape, dtype=state.x.dtype, generator=generator)

    for _ in range(state.step):
        draw()
    return draw


SOLVERS = {"euler": euler, "dpmpp_2m": dpmpp_2m, "lcm": lcm}
