"""What the caches need to know of a model, measured on runs in which every step is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from torch import Tensor

from ..conditioning.fitting import Shape
from ..conditioning.prompts import PromptSchedule
from ..errors import InputError
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..run.settings import Settings
from ..sampling.cache import relative_changes
from ..sampling.denoise import Unit
from ..sampling.magcache import MagnitudeCurve, magnitude_ratio
from ..sampling.schedule import TIMESTEPS
from .animate import placed_picture
from .planning import check_models, checked_settings, facts_of, plan_animation
from .run import Progress, Run
from .sampler import Evaluator, evaluator_of, sample, time_embedding

DEGREE = 4  # of TeaCache's polynomial, at most
STEPS_PER_DEGREE = 5  # that are needed to tell it from chance
SMALLER = 0.1  # of the smallest change of a calibration: that of the finest schedule it is used for


@dataclass(frozen=True)
class Calibration:
    """Per step of the schedule `sigmas` but the first: how far the timestep embedding and the velocity move, and the
    ratio of the velocity's magnitude to that of the step before. Means over windows and branches."""

    sigmas: tuple[float, ...]
    embedding: tuple[float, ...]
    velocity: tuple[float, ...]
    ratios: tuple[float, ...]

    def settings(self) -> dict[str, list[float]]:
        """What a model's metadata recommend: TeaCache's polynomial and MagCache's magnitudes."""
        fitted = polynomial(self.embedding, self.velocity)
        curve = MagnitudeCurve.of_ratios(self.ratios, self.sigmas)
        return {
            "cache_coefficients": [float(f"{value:.6g}") for value in fitted],
            "cache_magnitudes": list(curve.at_levels()),
        }

    @classmethod
    def mean(cls, runs: Sequence[Calibration]) -> Calibration:
        """Of several voices or pictures over the same schedule."""
        means = (
            tuple(np.mean([getattr(run, name) for run in runs], axis=0).tolist())
            for name in ("embedding", "velocity", "ratios")
        )
        return cls(runs[0].sigmas, *means)


def polynomial(moved: Sequence[float], changes: Sequence[float]) -> list[float]:
    """Of the highest degree that so many steps can tell, and that stays above 0 for the smaller steps of a longer
    schedule; else a line through 0."""
    reach = np.linspace(SMALLER * min(moved), max(moved), 200)
    for degree in range(min(DEGREE, len(moved) // STEPS_PER_DEGREE), 0, -1):
        fitted = np.polyfit(moved, changes, degree)
        if (np.polyval(fitted, reach) > 0).all():
            return fitted.tolist()
    return [float(np.dot(moved, changes) / np.dot(moved, moved)), 0.0]


@dataclass
class Recorded:
    """An evaluator that looks at what passes; it keeps one velocity per unit."""

    evaluator: Evaluator
    last: dict[tuple[int, str], Tensor] = field(default_factory=dict)
    moved: dict[float, list[float]] = field(default_factory=dict)  # by sigma
    ratios: dict[float, list[float]] = field(default_factory=dict)

    def __call__(self, units: Sequence[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        for unit, velocity in zip(units, self.evaluator(units, x, sigma), strict=True):
            self._look(unit, velocity, sigma)
            yield velocity

    def _look(self, unit: Unit, velocity: Tensor, sigma: float) -> None:
        key = unit.window.index, unit.branch
        if (before := self.last.get(key)) is not None:
            self.moved.setdefault(sigma, []).extend(relative_changes([before, velocity]))
            self.ratios.setdefault(sigma, []).append(magnitude_ratio(before, velocity))
        self.last[key] = velocity

    def __getattr__(self, name: str):
        return getattr(self.evaluator, name)


def calibrate(
    bundle: Bundle,
    voices: Sequence[Audio],
    picture: Tensor | None,
    text: str = "",
    *,
    fit: Shape = "keep_shape",
    settings: Settings | None = None,
    progress: Progress | None = None,
    check_cancel: Callable[[], None] | None = None,
) -> Calibration:
    """Sample an animation of each voice, with every step computed; nothing is decoded.

    Raises InputError for a schedule with fewer steps than the polynomial needs, and as `animate` does.
    """
    check_models(bundle)
    chosen = checked_settings(bundle, settings).override(cache_threshold=0)
    if chosen.steps < DEGREE + 2:
        raise InputError(f"The calibration has {chosen.steps} steps (--steps); give {DEGREE + 2} or more.")
    plans = [plan_animation(chosen, facts_of(bundle), voice, picture, fit) for voice in voices]
    runs = [
        _recorded(Run(bundle, plan, progress, check_cancel), voice, picture, text, fit)
        for plan, voice in zip(plans, voices, strict=True)
    ]
    return Calibration.mean(runs)


def _recorded(run: Run, voice: Audio, picture: Tensor | None, text: str, fit: Shape) -> Calibration:
    visual = placed_picture(run, picture, fit)
    evaluator, conditions = evaluator_of(run, voice, PromptSchedule.of(text), visual, visual.picture)
    recorded = Recorded(evaluator)
    sample(run, cast(Evaluator, recorded), conditions=conditions)
    sigmas = run.plan.sigmas.values[:-1]
    embedding = time_embedding(run.bundle.model)
    moved = relative_changes([embedding(TIMESTEPS * sigma) for sigma in sigmas])
    velocity, ratios = (
        [float(np.mean(seen[sigma])) for sigma in sigmas[1:]] for seen in (recorded.moved, recorded.ratios)
    )
    return Calibration(sigmas, tuple(moved), tuple(velocity), tuple(ratios))
