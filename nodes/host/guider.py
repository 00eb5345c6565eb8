"""The host's guider over the core's denoiser: which forwards a step needs, and what they become, is decided there;
here the host evaluates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import comfy.model_management
import comfy.patcher_extension
import comfy.samplers
import torch
from torch import Tensor

from ...skyreels_core.run.plan import RunPlan
from ...skyreels_core.run.resume import WorkFolder, digest
from ...skyreels_core.sampling.cache import NO_CACHE, CacheSettings, TeaCache
from ...skyreels_core.sampling.denoise import Denoiser, Progress, Unit
from ...skyreels_core.sampling.guidance import (
    BRANCHES,
    Constant,
    GuidanceSettings,
    no_text_line,
    parse_schedule,
)
from ...skyreels_core.sampling.hybrid import Hybrid
from ...skyreels_core.sampling.schedule import SigmaGrid, full_schedule
from ...skyreels_core.sampling.solvers import SolverState
from ...skyreels_core.windows import WindowPlan, WindowSettings
from .arithmetic import arithmetic_of
from .audio_layers import KEY
from .backends import Backend, find_backend
from .cache import plan_cache
from .checks import check_conditioning, check_latent, check_model
from .conds import heard, same_conds
from .identity import model_identity, parts
from .progress import progress
from .prompts import schedules_in, spread
from .reporting import say
from .room import check_room, facts_of
from .shift import shift_of
from .work import finished_latents, keep_finished, resumed, run_folder, sampler_identity


@dataclass(frozen=True)
class Request:
    """What the graph asks of a run; None is what the model's own file recommends."""

    windows: WindowSettings | None = None
    guidance: GuidanceSettings | None = None
    cache: CacheSettings = NO_CACHE
    full_sigmas: Tensor | None = None  # where the sampler gets a part of the schedule
    null_image: bool = False  # the null branch loses the picture too, as Eq. 3 is printed
    keep: bool = False  # the state on disk, so that a run that was cut goes on
    report: list[str] = field(default_factory=list, compare=False)  # what was decided, for the user


class AudioGuider(comfy.samplers.CFGGuider):
    """Audio and text guidance apart, over windows, for any sampler of the host.

    Everything that belongs to one run is dropped when `sample` ends, however it ends: the host keeps guiders.
    """

    hears = True  # for `refuse_deaf_guiders`

    def __init__(self, model, positive: list, negative: list, request: Request, on_forward: Progress) -> None:
        family = find_backend(model)
        check_model(model)
        check_conditioning(model, [*positive, *negative])
        self.backend: Backend = family(model, positive, negative)
        preset = self.backend.preset
        self.request = replace(
            request,
            windows=request.windows or WindowSettings(preset.window, preset.overlap),
            guidance=request.guidance or GuidanceSettings(preset.audio_guidance, preset.text_guidance),
        )
        self.plan: WindowPlan = self.request.windows.plan(self.backend.timeline.latent_frames)
        super().__init__(self._sized_for_a_window(model))
        self.told = {"positive": self._set("positive", positive), "negative": self._set("negative", negative)}
        timeline = self.backend.timeline
        self.untold = [line for texts in schedules_in(positive) for line in texts.untold(self.plan, timeline)]
        self.untold += self.backend.remarks()
        settings = preset.override(
            window=self.request.windows.length, overlap=self.request.windows.overlap,
            fusion=self.request.windows.mode, audio_guidance=self.request.guidance.audio,
            text_guidance=self.request.guidance.text, rule=self.request.guidance.rule,
            cache_threshold=request.cache.threshold, cache_memory=request.cache.memory,
            hybrid=self.backend.hybrid, null_image=request.null_image,
        )  # fmt: skip
        task = "animation" if self.backend.hybrid is None else "edit"
        facts = facts_of(model, self.backend.rule)
        run = RunPlan.of(settings, facts, self.backend.timeline, self.backend.size, task)
        self.room = check_room(model, run, request.keep)
        self.on_forward = on_forward
        bar = progress(len(self.plan.windows))
        self.backend.encode(self.plan, request.null_image, lambda done: bar(done - 1))
        self.identity = {"positive": positive, "negative": negative, "settings": self.request}
        self.denoiser: Denoiser | None = None
        self.work: WorkFolder | None = None  # of the run that is under way
        self.kept_in: Path | None = None  # of the run that has ended

    def _set(self, side: str, conditioning: list) -> tuple[str, ...]:
        """The name among the host's conds of what each window is told: `side` where nothing changes."""
        named, names = spread(side, conditioning, self.plan, self.backend.timeline.fps)
        self.inner_set_conds(named)
        return names

    def _sized_for_a_window(self, model):
        """The host estimates memory from the noise's shape; a forward sees the longest window of it alone."""
        model, longest = model.clone(), max(window.length for window in self.plan.windows)

        def prepare(executor, patcher, noise_shape, *args, **kwargs):
            return executor(patcher, [*noise_shape[:2], longest, *noise_shape[3:]], *args, **kwargs)

        model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.PREPARE_SAMPLING, KEY, prepare)
        return model

    def sample(self, noise, latent_image, sampler, sigmas, *args, **kwargs) -> Tensor:
        check_latent(latent_image, self.plan.latent_frames, self.backend.size)
        if not len(sigmas):  # of denoise 0: the host gives the latent back
            return super().sample(noise, latent_image, sampler, sigmas, *args, **kwargs)
        self.run_sigmas = SigmaGrid(sigmas)  # our own copy: samplers may write into the tensor
        run = {"noise": noise, "latent": latent_image, "sigmas": sigmas, "options": [args, kwargs]}
        with run_folder(self._inputs(sampler, run) if self.request.keep else None) as self.work:
            self.kept_in = None if self.work is None else self.work.path
            kept = None if self.work is None else finished_latents(self.work)
            if kept is not None:
                self.request.report[:] = ["Nothing was sampled: the same run has ended before, and was kept."]
                return kept.to(latent_image)
            return self._sample(noise, latent_image, sampler, sigmas, *args, **kwargs)

    def _sample(self, *args, **kwargs) -> Tensor:
        try:
            sampled = super().sample(*args, **kwargs)
            if self.denoiser is not None:
                self.denoiser.arithmetic.check_latents(sampled)
            if self.work is not None:
                keep_finished(self.work, sampled)
            return sampled
        finally:
            self.denoiser, self.conds, self.unprepared = None, {}, {}

    def _inputs(self, sampler, run: dict[str, Any]) -> dict[str, str]:
        """All that the latents depend on."""
        seen = {name: digest(*parts(value)) for name, value in (self.identity | run).items()}
        return {**seen, "model": model_identity(self.model_patcher), "sampler": sampler_identity(sampler)}

    def inner_sample(self, *args, **kwargs) -> Tensor:
        """The host would prepare the conds for the whole length, which no forward sees."""
        self.unprepared, self.conds = self.conds, {}
        return super().inner_sample(*args, **kwargs)

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: dict | None = None, seed=None
    ) -> Tensor:
        """x [b 16 t h w] of the whole video -> x0, as the host's guiders give it."""
        self.begin(x, model_options)
        return self.denoiser(x, float(timestep.flatten()[0]))

    def begin(self, x: Tensor, model_options: dict | None) -> None:
        """Before the first step: the model is loaded now."""
        self.model_options_of_step = model_options or {}
        if self.denoiser is None:
            part = torch.zeros_like(x[:, :, self.plan.windows[0].frames])
            self.conds = comfy.samplers.process_conds(self.inner_model, part, self.unprepared, x.device)
            self.denoiser = self._start(x)

    def resume(
        self, x: Tensor, model_options: dict | None
    ) -> tuple[Tensor | SolverState, Callable[[SolverState], None] | None]:
        """What a solver of the core starts from, x or the state that was kept, and where it saves its own."""
        self.begin(x, model_options)
        if self.work is None:
            return x, None
        start, save = resumed(self.work, self.denoiser, self.run_sigmas.values, x)
        if isinstance(start, SolverState):
            self.request.report.append(f"It went on after {start.step} of {self.run_sigmas.steps} steps.")
        return start, save

    def _start(self, x: Tensor) -> Denoiser:
        run, request = self.run_sigmas.values, self.request
        if request.full_sigmas is not None:
            whole = SigmaGrid(request.full_sigmas)
        else:
            whole = full_schedule(run, shift_of(self.model_patcher))
        settings, no_text = request.guidance, self._text_to_drop()
        guidance = (replace(settings, text="1") if no_text else settings).over(whole.values, self.backend.rule)
        fraction = self.backend.hybrid
        hybrid = None if fraction is None else Hybrid(whole.values, fraction)
        cache = None
        if request.cache.threshold:
            model, coefficients, size = (
                self.inner_model,
                self.backend.preset.cache_coefficients,
                self.backend.size,
            )
            plan, cache_report = plan_cache(
                model, coefficients, size, run, guidance, hybrid, request.cache.threshold
            )
            cache = TeaCache(plan, x.is_cuda, request.cache.limit(self.plan.windows[0].length, size))
        denoiser = Denoiser(
            self._evaluate, self.plan, guidance, hybrid, cache, self.on_forward,
            comfy.model_management.throw_exception_if_processing_interrupted,
            predicts="denoised", units_per_call=None, sigmas=run,
            arithmetic=arithmetic_of(self.inner_model, self.model_options_of_step.get("transformer_options", {})),
        )  # fmt: skip
        work = f"{denoiser.total} forwards of the network; about {self.room}."
        say(work)
        request.report[:] = [str(self.plan), work, *self.untold, *no_text]
        if cache is not None:
            request.report.append(cache_report)
        return denoiser

    def _text_to_drop(self) -> list[str]:
        """What is said where no branch differs by its text, in any window; nothing where the text has guidance."""
        text = self.request.guidance.text
        texts = dict(zip(zip(*self.told.values(), strict=True), self.plan.windows, strict=True))
        if parse_schedule(text) == Constant(1):
            return []
        for window in texts.values():
            told, untold = (self._cond(Unit(window, branch, "video")) for branch in ("noaudio", "null"))
            if not same_conds(told, untold):
                return []
        return [no_text_line(text)]

    def _evaluate(self, units: Sequence[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        """Branches of one window go to the host together, which batches what it can."""
        timestep = x.new_full((x.shape[0],), sigma)
        for window, group in groupby(units, attrgetter("window")):
            conds = [self._cond(unit) for unit in group]
            part = x[:, :, window.frames]
            yield from comfy.samplers.calc_cond_batch(
                self.inner_model, conds, part, timestep, self.model_options_of_step
            )

    def _cond(self, unit: Unit) -> list[dict[str, Any]]:
        entries = self.backend.entries(unit)
        told = self.told["positive" if BRANCHES[unit.branch].text else "negative"]
        return [
            {**cond, "model_conds": {**heard(cond), **entries}, "uuid": self._name(cond, unit)}
            for cond in self.conds[told[unit.window.index]]
        ]

    def _name(self, cond: dict[str, Any], unit: Unit):
        """The same for every step, so that the host's caches can tell windows and branches apart."""
        return uuid5(cond.get("uuid", NAMESPACE_OID), f"{unit.window.index} {unit.branch}")
