"""What a run will do, decided once and before it begins, from its settings and the headers of the model's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError
from ..model.config import WanConfig, published_name
from ..sampling.cache import COEFFICIENTS, CachePlan, CacheSettings, StepCache, coefficients_for, forced_steps
from ..sampling.guidance import Guidance, GuidanceSettings
from ..sampling.hybrid import Hybrid, Variant, variants_seen
from ..sampling.magcache import (
    Limits,
    MagnitudeCurve,
    first_steps,
    limits_for,
    magcache_plan,
    published_curve,
)
from ..sampling.schedule import SigmaGrid, flow_sigmas, whole_steps
from ..timeline import TOLERANCE, TRAINED_RATES, RateRange, Timeline
from ..windows import WindowPlan
from .settings import Settings

Task = Literal["animation", "edit"]
VAE_WIDTH = 96  # channels of the first layer of Wan's VAE


@dataclass(frozen=True)
class ModelFacts:
    """What a plan needs to know of a model."""

    config: WanConfig
    dtype: torch.dtype  # of the network
    rule: str = "eq3"  # of its guidance, a name of sampling.guidance.RULES
    voice_width: int = 0  # of the tokens that the run encodes the voice into; 0: it comes encoded
    vae_width: int = VAE_WIDTH
    rates: RateRange = TRAINED_RATES


@dataclass(frozen=True)
class RunPlan:
    settings: Settings
    model: ModelFacts
    timeline: Timeline  # of what is generated
    size: tuple[int, int]  # width and height that the model works at, pixels
    task: Task
    windows: WindowPlan
    sigmas: SigmaGrid  # of the run
    schedule: SigmaGrid  # the whole one, of which a run may sample a part
    lines: tuple[str, ...] = ()  # what was changed or decided, for the user
    edited: Timeline | None = None  # of a video whose frames come faster than the model generates

    @classmethod
    def of(
        cls,
        settings: Settings,
        model: ModelFacts,
        timeline: Timeline,
        size: tuple[int, int],
        task: Task,
        lines: Iterable[str] = (),
    ) -> RunPlan:
        edited = None
        if task == "edit" and (generated := model.rates.generated(timeline)) != timeline:
            edited, timeline = timeline, generated
            lines = [*lines, rate_line(edited, generated, model.rates)]
        windows = WindowPlan.plan(
            timeline.latent_frames,
            settings.window,
            settings.overlap,
            settings.fusion,
            settings.fuse_first_step,
        )
        steps = whole_steps(settings.steps, settings.denoise) if task == "edit" else settings.steps
        schedule = SigmaGrid(flow_sigmas(steps, settings.shift, settings.spacing).tolist())
        sigmas = SigmaGrid(schedule.values[-settings.steps - 1 :])
        plan = cls(settings, model, timeline, size, task, windows, sigmas, schedule, tuple(lines), edited)
        if settings.cache_threshold and settings.cache == "magcache":
            _ = plan.magnitudes  # refused here, before a model is loaded
        return plan

    def over(self, sigmas: SigmaGrid, schedule: SigmaGrid) -> RunPlan:
        """The same run over other sigmas, a part of `schedule`, that somebody else chose."""
        return replace(self, sigmas=sigmas, schedule=schedule)

    @property
    def finished(self) -> Timeline:
        """Of the finished video."""
        return self.edited or self.timeline

    def without_text(self) -> RunPlan:
        """Where no branch differs by its text: the text has no guidance, which saves its forwards."""
        return replace(self, settings=self.settings.override(text_guidance="1"))

    @cached_property
    def guidance(self) -> Guidance:
        settings = self.settings
        scales = GuidanceSettings(settings.audio_guidance, settings.text_guidance, settings.rule)
        return scales.over(self.schedule.values, self.model.rule)

    @cached_property
    def hybrid(self) -> Hybrid | None:
        if self.task != "edit":
            return None
        return Hybrid(self.schedule.values, 0.0 if self.is_pinned else self.settings.hybrid)

    @property
    def is_pinned(self) -> bool:
        """Whether the video is put back outside the region at its steps, as the network is shown no mask."""
        return self.task == "edit" and self.settings.method == "pinned"

    @cached_property
    def pinned_steps(self) -> Hybrid | None:
        """Those of a pinned edit that pin, counted from where it begins."""
        if not self.is_pinned:
            return None
        skipped = int(self.schedule.steps * (1 - self.settings.denoise) + TOLERANCE)
        return Hybrid(self.schedule.values[skipped:], self.settings.hybrid)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The conditions of a window that some step looks at."""
        return variants_seen(self.settings.hybrid if self.task == "edit" else None, self.is_pinned)

    @property
    def window_length(self) -> int:
        """Latent frames; all windows have as many."""
        return self.windows.windows[0].length

    @property
    def forwards(self) -> int:
        """Of the network, where no step is reused."""
        return len(self.windows.windows) * sum(self._branches)

    @property
    def velocities(self) -> int:
        """That the cache holds."""
        if not self.settings.cache_threshold:
            return 0
        return min(self.cache_limit, len(self.windows.windows) * max(self._branches))

    @property
    def cache_limit(self) -> int:
        asked = CacheSettings(self.settings.cache_threshold or 0.0, self.settings.cache_memory)
        return asked.limit(self.window_length, self.size)

    @property
    def knows_coefficients(self) -> bool:
        """Whether what chooses the reused steps is of this model, or of its backbone."""
        given = self.settings.cache_coefficients is not None or self._backbone in COEFFICIENTS
        return given or self.settings.cache == "magcache"

    def cache(self, embedding: Callable[[float], Tensor], on_cpu: bool) -> StepCache | None:
        """What is reused, by the network's timestep embedding, which no header holds; `on_cpu` is where it waits."""
        if not self.settings.cache_threshold:
            return None
        forced = forced_steps(self.sigmas.values, self.guidance, self.hybrid)
        if self.pinned_steps is not None:  # the step after which nothing is put back
            forced |= forced_steps(self.sigmas.values, self.guidance, self.pinned_steps)
        chosen = (
            self._magcache(forced) if self.settings.cache == "magcache" else self._teacache(forced, embedding)
        )
        return StepCache(chosen, on_cpu, self.cache_limit)

    def _teacache(self, forced: frozenset[int], embedding: Callable[[float], Tensor]) -> CachePlan:
        coefficients = self.settings.cache_coefficients or coefficients_for(self._backbone)
        threshold = self.settings.cache_threshold or 0.0
        return CachePlan.compute(self.sigmas.values, embedding, coefficients, threshold, forced)

    def _magcache(self, forced: frozenset[int]) -> CachePlan:
        settings, sigmas = self.settings, self.sigmas.values
        most = settings.cache_in_a_row or limits_for(self.model.config.dim).in_a_row
        limits = Limits(settings.cache_threshold or 0.0, most)
        return magcache_plan(sigmas, self.magnitudes, limits, forced | first_steps(self.guidance, sigmas))

    @property
    def magnitudes(self) -> MagnitudeCurve:
        """Of the model, or of its backbone. Raises InputError where there is none."""
        if self.settings.cache_magnitudes is not None:
            return MagnitudeCurve.of_levels(self.settings.cache_magnitudes)
        if (published := published_curve(self._backbone)) is None:
            raise InputError(
                "MagCache needs to know how the model's predictions change in size, and has no curve for this one. "
                "Calibrate the model (skyreels-audio calibrate), or use TeaCache."
            )
        return published

    @property
    def _branches(self) -> list[int]:
        """How many each step needs."""
        return [len(self.guidance.coefficients(sigma)) for sigma in self.sigmas.values[:-1]]

    @property
    def _backbone(self) -> str:
        config = self.model.config
        return published_name(config.model_type, config.dim, config.num_layers, self.size)


def rate_line(edited: Timeline, generated: Timeline, rates: RateRange) -> str:
    return (
        f"The video has {edited.fps:g} frames a second, the model makes {rates.slowest:g} to {rates.fastest:g}: the "
        f"region is generated at {generated.fps:g} and blended to the video's own frames."
    )
