"""MagCache (Ma et al., arXiv 2506.09045): steps whose prediction is nearly as large as the last computed one.

The size of a prediction falls over the noise levels in the same way for every prompt and seed, so the plan is known
before the run, as TeaCache's is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .cache import CachePlan
from .guidance import Guidance
from .schedule import SigmaGrid, Sigmas, flow_sigmas

RETENTION = 0.2  # of the schedule, from its beginning, that is always computed
LEVELS = tuple(np.linspace(1, 0, 33).tolist())  # noise levels of the curve that a model file holds
LARGEST_RATIO = 1e3  # of two magnitudes of one network


class Limits(NamedTuple):
    """How far reuse may go: the accumulated error, and steps in a row."""

    threshold: float
    in_a_row: int


LARGE, SMALL = Limits(0.24, 6), Limits(0.12, 4)  # published for 14B and 1.3B
WIDE = 5120  # of 14B


def limits_for(width: int) -> Limits:
    """Those that were published for a network of about that width."""
    return LARGE if width >= WIDE else SMALL


@dataclass(frozen=True)
class MagnitudeCurve:
    """How large a network's output is at each noise level, relative to the first."""

    sigmas: tuple[float, ...]  # falling
    logarithms: tuple[float, ...]  # of the magnitudes

    @classmethod
    def of_ratios(cls, ratios: Sequence[float], sigmas: Sequence[float]) -> MagnitudeCurve:
        """Of the ratio of each step's magnitude to that of the step before, the first of step 1."""
        logarithms = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
        return cls(tuple(sigmas[: len(logarithms)]), tuple(logarithms.tolist()))

    @classmethod
    def of_levels(cls, magnitudes: Sequence[float]) -> MagnitudeCurve:
        """What `at_levels` gave. Raises InputError for other values."""
        if len(magnitudes) != len(LEVELS) or not all(
            1 / LARGEST_RATIO < value < LARGEST_RATIO for value in magnitudes
        ):
            raise InputError(
                f"The model's cache_magnitudes are {len(magnitudes)} numbers; {len(LEVELS)} positive ones are needed, "
                "as skyreels-audio calibrate writes them. Calibrate the model again, or sample with TeaCache."
            )
        return cls(LEVELS, tuple(np.log(magnitudes).tolist()))

    def at_levels(self) -> tuple[float, ...]:
        """The magnitudes at LEVELS, for a model file."""
        return tuple(round(float(np.exp(self._logarithm(level))), 5) for level in LEVELS)

    def ratio(self, before: float, sigma: float) -> float:
        """Of the magnitude at `sigma` to that at `before`."""
        return float(np.exp(self._logarithm(sigma) - self._logarithm(before)))

    def _logarithm(self, sigma: float) -> float:
        return float(np.interp(-sigma, np.negative(self.sigmas), self.logarithms))


def magnitude_ratio(before: Tensor, after: Tensor) -> float:
    """Mean over positions of |after| / |before|, norms over the channels of [1 c t h w]."""
    norms = [
        tensor.double().norm(dim=1).clamp_min(torch.finfo(torch.float32).tiny) for tensor in (before, after)
    ]
    return float((norms[1] / norms[0]).mean())


def first_steps(guidance: Guidance, sigmas: Sigmas) -> frozenset[int]:
    """Steps of the run `sigmas` in the part of the whole schedule that is always computed."""
    run = SigmaGrid(sigmas)
    return frozenset(
        i for i, sigma in enumerate(run.values[:-1]) if guidance.grid.progress(sigma) < RETENTION
    )


def magcache_plan(
    sigmas: Sigmas, curve: MagnitudeCurve, limits: Limits, forced: Collection[int]
) -> CachePlan:
    """The plan of the run `sigmas`. A step is reused while the errors |1 - ratio to the last computed step|, added up
    since that step, stay below the threshold, and not too many are in a row; `forced` ones are computed."""
    grid = SigmaGrid(sigmas)
    computed, last, error, reused = [True], grid.values[0], 0.0, 0
    for step, sigma in enumerate(grid.values[1:-1], start=1):
        error += abs(1 - curve.ratio(last, sigma))
        reused += 1
        computed.append(step in forced or error >= limits.threshold or reused > limits.in_a_row)
        if computed[-1]:
            last, error, reused = sigma, 0.0, 0
    return CachePlan(grid, tuple(computed), "MagCache")


def published_curve(backbone: str) -> MagnitudeCurve | None:
    """MagCache's own, of the residual of the network's tokens, mean of the branches with and without the prompt."""
    if backbone not in PUBLISHED:
        return None
    shift, ratios = PUBLISHED[backbone]
    return MagnitudeCurve.of_ratios(ratios, flow_sigmas(len(ratios) + 1, shift).tolist())


# backbone -> shift of the schedule that they were measured on, ratio of each step to the one before
PUBLISHED: dict[str, tuple[float, tuple[float, ...]]] = {
    "t2v-14b": (
        5.0,
        (
            1.0276, 1.0014, 0.9991, 0.9977, 0.9966, 0.9948, 0.9946, 0.9966, 0.9943, 0.9954, 0.9947, 0.9944, 0.9952,
            0.9938, 0.994, 0.9952, 0.9941, 0.9943, 0.9934, 0.9942, 0.9927, 0.9931, 0.9921, 0.9922, 0.9922, 0.9916,
            0.9914, 0.9898, 0.99, 0.9887, 0.9877, 0.9877, 0.9857, 0.985, 0.9838, 0.9818, 0.9804, 0.9768, 0.9754,
            0.9718, 0.9671, 0.9635, 0.9563, 0.9493, 0.9396, 0.9251, 0.9069, 0.8795, 0.8615,
        ),
    ),
    "t2v-1.3b": (
        5.0,
        (
            1.0173, 1.0029, 0.9993, 0.9972, 0.9966, 0.9958, 0.9942, 0.9958, 0.9957, 0.9951, 0.9953, 0.9955, 0.9954,
            0.9954, 0.9949, 0.9952, 0.9948, 0.9948, 0.9941, 0.9942, 0.9939, 0.9939, 0.9935, 0.9931, 0.9927, 0.9923,
            0.9917, 0.9914, 0.9907, 0.99, 0.9894, 0.9885, 0.9876, 0.9864, 0.985, 0.9836, 0.982, 0.9798, 0.9772,
            0.9741, 0.97, 0.9654, 0.9593, 0.9509, 0.9402, 0.9241, 0.9025, 0.8684, 0.8189,
        ),
    ),
    "i2v-14b-480p": (
        3.0,
        (
            0.9889, 0.9758, 0.9831, 0.9821, 0.9888, 0.9876, 0.9896, 0.9905, 0.9938, 0.9886, 0.9907, 0.9885, 0.9906,
            0.9896, 0.9861, 0.9882, 0.9876, 0.9881, 0.9872, 0.9857, 0.9854, 0.9816, 0.9841, 0.9795, 0.9815, 0.9774,
            0.9783, 0.9736, 0.9709, 0.9706, 0.9659, 0.9612, 0.9568, 0.9496, 0.9398, 0.9322, 0.9189, 0.9095, 0.9262,
        ),
    ),
    "i2v-14b-720p": (
        5.0,
        (
            0.9946, 0.986, 0.9828, 0.9902, 0.9891, 0.9865, 0.9946, 0.9891, 0.9913, 0.991, 0.9921, 0.9951, 0.9957,
            0.9907, 0.991, 0.9917, 0.9904, 0.992, 0.991, 0.986, 0.9884, 0.9885, 0.9886, 0.9872, 0.985, 0.9826,
            0.9839, 0.9794, 0.9754, 0.975, 0.973, 0.9683, 0.9626, 0.9534, 0.9465, 0.9341, 0.9164, 0.891, 0.8678,
        ),
    ),
}  # fmt: skip
