"""Steps whose prediction is reused, and TeaCache (Liu et al., arXiv 2411.19108), which chooses them.

The decision depends on the timestep embedding alone, never on the latent, so the plan is computed once for a
run and is the same for every window, branch and rank. What is kept is the velocity in float32: on a
straight path it does not change at all, and it is small beside the tokens of the network.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..model.config import LATENT_CHANNELS
from ..timeline import SPATIAL
from .guidance import Guidance
from .hybrid import Hybrid, variant_at
from .schedule import TIMESTEPS, SigmaGrid

logger = logging.getLogger(__name__)

Coefficients = tuple[float, ...]  # polynomial, highest power first

CACHE_MEMORY = 8.0  # GiB
CACHES = {"teacache": "TeaCache", "magcache": "MagCache"}
IDENTITY: Coefficients = (1.0, 0.0)
RETENTION = {"embedding": 1, "projection": 5}  # first steps that are always computed
# published with TeaCache; `embedding` reads the timestep embedding e, `projection` its six-way projection e0
COEFFICIENTS: dict[str, dict[str, Coefficients]] = {
    "t2v-1.3b": {
        "embedding": (2.39676752e3, -1.31110545e3, 2.01331979e2, -8.29855975, 0.137887774),
        "projection": (-5.21862437e4, 9.23041404e3, -5.28275948e2, 13.6987616, -0.0499875664),
    },
    "t2v-14b": {
        "embedding": (-5784.54975374, 5449.50911966, -1811.16591783, 256.27178429, -13.02252404),
        "projection": (-3.03318725e5, 4.90537029e4, -2.65530556e3, 58.7365115, -0.315583525),
    },
    "i2v-14b-480p": {  # SkyReels-V2 540p too
        "embedding": (-302.331670, 223.948934, -52.5463970, 5.87348440, -0.201973289),
        "projection": (2.57151496e5, -3.54229917e4, 1.40286849e3, -13.5890334, 0.132517977),
    },
    "i2v-14b-720p": {
        "embedding": (-114.36346466, 65.26524496, -18.82220707, 4.91518089, -0.23412683),
        "projection": (8.10705460e3, 2.13393892e3, -3.72934672e2, 16.6203073, -0.0417769401),
    },
}


def coefficients_for(backbone: str, variant: str = "embedding") -> Coefficients:
    """The published polynomial, or the identity with a warning for a backbone that has none."""
    if backbone not in COEFFICIENTS:
        logger.warning(
            "TeaCache has no coefficients for the backbone %r: the change of its timestep embedding is used "
            "unchanged. calibrate() fits its own.",
            backbone,
        )
        return IDENTITY
    return COEFFICIENTS[backbone][variant]


def relative_changes(tensors: Sequence[Tensor]) -> list[float]:
    """mean|m_t - m_prev| / mean|m_prev| for each neighbouring pair."""
    pairs = pairwise(tensors)
    return [
        float((after.double() - before.double()).abs().mean() / before.double().abs().mean())
        for before, after in pairs
    ]


def calibrate(embeddings: Sequence[Tensor], outputs: Sequence[Tensor], degree: int = 4) -> Coefficients:
    """Fit how far the network's output moves, given how far its timestep embedding does.

    Both are of one recorded run in which every step was computed, a tensor per step. Raises InputError for a
    run that is too short.
    """
    if len(embeddings) < degree + 2:
        raise InputError(
            f"A run of {len(embeddings)} steps was recorded; a calibration of degree {degree} needs "
            f"{degree + 2} or more."
        )
    fitted = np.polyfit(relative_changes(embeddings), relative_changes(outputs), degree)
    return tuple(float(value) for value in fitted)


def forced_steps(
    sigmas: Iterable[float], guidance: Guidance, hybrid: Hybrid | None = None, retention: int = 1
) -> frozenset[int]:
    """Steps of the run `sigmas` that are computed whatever the embedding says: the first `retention`, the
    last, the hybrid switch, and any on which a branch comes back."""
    run = SigmaGrid(sigmas)
    needed = [
        {(branch, variant_at(hybrid, sigma)) for branch in guidance.coefficients(sigma)}
        for sigma in run.values[:-1]
    ]
    new = {step for step in range(1, run.steps) if needed[step] - needed[step - 1]}
    return frozenset({*range(min(retention, run.steps)), *new, run.steps - 1})


@dataclass(frozen=True)
class CachePlan:
    grid: SigmaGrid
    computed: tuple[bool, ...]  # per step: computed, or reused
    method: str = "TeaCache"  # that chose them

    @classmethod
    def compute(
        cls,
        sigmas: Iterable[float],
        embedding: Callable[[float], Tensor],
        coefficients: Coefficients,
        threshold: float,
        forced: Collection[int],
    ) -> CachePlan:
        """The plan of the run `sigmas`: `embedding` gives m for a timestep 0..1000, the change of m goes
        through the polynomial and adds up, and a step is computed once the sum reaches `threshold`, or where
        it is `forced`. Raises InputError for a threshold that is not above 0."""
        if not threshold > 0:
            raise InputError(
                f"The TeaCache threshold is {threshold}; give a number above 0, such as 0.2, or sample "
                "without the cache."
            )
        grid = SigmaGrid(sigmas)
        changes = relative_changes([embedding(TIMESTEPS * sigma) for sigma in grid.values[:-1]])
        computed, change = [True], 0.0
        for step, moved in enumerate(changes, start=1):
            change += float(np.polyval(coefficients, moved))
            computed.append(step in forced or change >= threshold)
            change = 0.0 if computed[-1] else change
        return cls(grid, tuple(computed))

    @property
    def skipped(self) -> list[int]:
        """The steps that are reused."""
        return [step for step, computed in enumerate(self.computed) if not computed]

    def __str__(self) -> str:
        steps, skipped = len(self.computed), ", ".join(str(step + 1) for step in self.skipped)
        return (
            f"{self.method} computes {sum(self.computed)} of {steps} steps, which saves about "
            f"{len(self.skipped) / steps:.0%} of the time (reused: {skipped or 'none'})."
        )

    def is_computed(self, sigma: float) -> bool:
        """A sigma between the grid's (a solver of higher order asks there) is always computed."""
        step = self.grid.index(sigma)
        return step is None or step == self.grid.steps or self.computed[step]


@dataclass(frozen=True)
class CacheSettings:
    """What a run is asked to reuse; a threshold of 0 is nothing."""

    threshold: float
    memory: float = CACHE_MEMORY  # GiB that the velocities may take; what does not fit is always computed
    method: str = "teacache"  # a name of CACHES
    in_a_row: int | None = None  # steps that MagCache reuses at most; None: as published

    def __post_init__(self) -> None:
        if self.method not in CACHES:
            raise InputError(f"The cache {self.method!r} is unknown; use one of {', '.join(CACHES)}.")
        if not (0 <= self.threshold < math.inf and 0 < self.memory < math.inf):
            raise InputError(
                f"{CACHES[self.method]} was given a threshold of {self.threshold} and {self.memory} GiB of memory; "
                "give a threshold such as 0.2, or 0 for none, and memory above 0."
            )
        if self.in_a_row is not None and self.in_a_row < 1:
            raise InputError(f"MagCache may reuse {self.in_a_row} steps in a row; give 1 or more.")

    def limit(self, latent_frames: int, size: tuple[int, int]) -> int:
        """How many velocities are held, of windows of `latent_frames` at a size of width and height in pixels."""
        numbers = LATENT_CHANNELS * latent_frames * (size[0] // SPATIAL) * (size[1] // SPATIAL)
        return int(self.memory * 2**30 / (4 * numbers))


NO_CACHE = CacheSettings(0.0)


@dataclass(frozen=True)
class StepCache:
    """What is reused and where it is kept; what is kept belongs to the denoiser, and so to one run."""

    plan: CachePlan
    on_cpu: bool = False  # velocities wait in pinned memory; the device holds only the one in use
    limit: int | None = None  # velocities that are held at most; the units after them are always computed

    def hold(self, velocity: Tensor) -> Tensor:
        """A float32 copy of a velocity [b c t h w], where the cache keeps it."""
        if not self.on_cpu:
            return velocity.to(torch.float32, copy=True)
        held = torch.empty(velocity.shape, dtype=torch.float32, pin_memory=velocity.is_cuda)
        return held.copy_(velocity)


TeaCache = StepCache  # its name in older versions
