"""The host's guider over the core's denoiser: which forwards a step needs, and what they become, is decided there;
here the host evaluates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import comfy.conds
import comfy.latent_formats
import comfy.model_management
import comfy.patcher_extension
import comfy.samplers
import torch
from torch import Tensor

from ...skyreels_core.conditioning.prompts import PromptSchedule
from ...skyreels_core.run.plan import RunPlan
from ...skyreels_core.run.resume import WorkFolder, digest
from ...skyreels_core.run.settings import Settings
from ...skyreels_core.sampling.denoise import Denoiser, Progress, Unit
from ...skyreels_core.sampling.guidance import BRANCHES, Constant, no_text_line, parse_schedule
from ...skyreels_core.sampling.pinning import Pinning
from ...skyreels_core.sampling.schedule import SAME_SIGMA, SigmaGrid, full_schedule
from ...skyreels_core.sampling.solvers import SolverState
from .arithmetic import arithmetic_of
from .cache import cache_report, time_embedding
from .checks import check_conditioning, check_latent, check_model
from .conds import model_conds_of, same_conds
from .family import Family
from .identity import model_identity, parts, sampler_identity
from .multigpu import Clones
from .presets import chosen_lora
from .progress import progress
from .prompts import schedules_in, spread
from .reporting import say
from .resources import check_resources, facts_of
from .shift import shift_of
from .unsupported_samplers import KEY
from .work import finished_latents, keep_finished, resumed, run_folder


class AudioGuider(comfy.samplers.CFGGuider):
    """Audio and text guidance apart, over windows, for any sampler of the host.

    Everything that belongs to one run is dropped when `sample` ends, however it ends: the host keeps guiders.
    """

    uses_audio = True  # for `reject_other_guiders`

    def __init__(
        self, family: type[Family], model, positive: list, negative: list, settings: Settings, on_forward: Progress,
        full_sigmas: Tensor | None = None, keeps_state: bool = False,
    ) -> None:  # fmt: skip
        """`full_sigmas` are the whole schedule, where the sampler gets a part of another one than the host's `simple`;
        with `keeps_state` a run that was interrupted resumes from the disk."""
        check_model(model)
        check_conditioning(model, [*positive, *negative])
        settings.check()
        self.backend: Family = family(model, positive, negative)
        self.plan = plan_of(model, self.backend, settings)
        self.full_sigmas, self.keeps_state, self.on_forward = full_sigmas, keeps_state, on_forward
        super().__init__(self._sized_for_a_window(model))
        self.prompt_names = {
            "positive": self._set("positive", positive),
            "negative": self._set("negative", negative),
        }
        self.remarks = [line for texts in schedules_in(positive) for line in self._unused_prompts(texts)]
        self.remarks += [*chosen_lora(model), *self.backend.remarks()]
        self.needed = check_resources(model, self.plan, keeps_state)
        self._encode()
        self.identity = {"positive": positive, "negative": negative, "settings": self._settings()}
        if self.plan.is_pinned:
            pinned = [self.plan.settings.hybrid, self.plan.settings.denoise]
            self.identity |= {"voice": self.backend.voice, "pinned": pinned}
        if (clip_vision := getattr(self.backend.payload, "clip_vision", None)) is not None:
            self.identity["clip_vision"] = clip_vision  # runs without one keep the names that they had
        self.denoiser: Denoiser | None = None
        self.noise: Tensor | None = None  # that the run began with
        self.work: WorkFolder | None = None  # of the run that is under way
        self.kept_in: Path | None = None  # of the run that has ended
        self.report: list[str] = []  # of the last run: what was decided, for the user

    def _unused_prompts(self, texts: PromptSchedule) -> list[str]:
        return texts.unused_prompts(self.plan.windows, self.plan.timeline)

    def _encode(self) -> None:
        windows, null_image = self.plan.windows, self.plan.settings.null_image
        bar = progress(len(windows.windows))
        self.backend.encode(windows, null_image, lambda done: bar(done - 1))

    def _settings(self) -> list[object]:
        """Those that the latents depend on, in an order that kept runs of all versions have."""
        settings = self.plan.settings
        return [
            [settings.window, settings.overlap, settings.fusion, settings.fuse_first_step],
            [settings.audio_guidance, settings.text_guidance, settings.rule],
            [settings.cache_threshold or 0.0, settings.cache_memory, *magcache_of(settings)],
            self.full_sigmas, settings.null_image, self.keeps_state,
        ]  # fmt: skip

    def _set(self, side: str, conditioning: list) -> tuple[str, ...]:
        """The name among the host's conds of the prompt of each window: `side` where nothing changes."""
        named, names = spread(side, conditioning, self.plan.windows, self.plan.timeline.fps)
        self.inner_set_conds(named)
        return names

    def _sized_for_a_window(self, model):
        """The host estimates memory from the noise's shape; a forward sees the longest window of it alone."""
        model, longest = model.clone(), self.plan.window_length

        def prepare(executor, patcher, noise_shape, *args, **kwargs):
            return executor(patcher, [*noise_shape[:2], longest, *noise_shape[3:]], *args, **kwargs)

        model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.PREPARE_SAMPLING, KEY, prepare)
        return model

    def sample(self, noise, latent_image, sampler, sigmas, *args, **kwargs) -> Tensor:
        check_latent(latent_image, self.plan.windows.latent_frames, self.plan.size)
        if not len(sigmas):  # of denoise 0: the host gives the latent back
            return super().sample(noise, latent_image, sampler, sigmas, *args, **kwargs)
        self.run_sigmas = SigmaGrid(sigmas)  # our own copy: samplers may write into the tensor
        if self.plan.is_pinned:
            latent_image = self._begun_from(latent_image)
        options = [
            list(map(_without_progress, args)),
            {name: _without_progress(value) for name, value in kwargs.items()},
        ]
        run = {"noise": noise, "latent": latent_image, "sigmas": sigmas, "options": options}
        with run_folder(self._inputs(sampler, run) if self.keeps_state else None) as self.work:
            self.kept_in = None if self.work is None else self.work.path
            kept = None if self.work is None else finished_latents(self.work)
            if kept is not None:
                self.report[:] = ["Nothing was sampled: the result of this run was already saved."]
                return kept.to(latent_image)
            return self._sample(noise, latent_image, sampler, sigmas, *args, **kwargs)

    def _sample(self, noise: Tensor, *args, **kwargs) -> Tensor:
        self.noise = noise
        try:
            sampled = super().sample(noise, *args, **kwargs)
            if self.denoiser is not None:
                self.denoiser.arithmetic.check_latents(sampled)
            if self.work is not None:
                keep_finished(self.work, sampled)
            return sampled
        finally:
            self.denoiser, self.noise, self.conds, self.unprepared = None, None, {}, {}

    def _inputs(self, sampler, run: dict[str, Any]) -> dict[str, str]:
        """All that the latents depend on. A video is read for it once, as long as the host keeps its conditioning."""
        frames = getattr(self.backend.payload, "frame_digests", {})
        seen = {name: digest(*parts(value, frames)) for name, value in (self.identity | run).items()}
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
            part = torch.zeros_like(x[:, :, self.plan.windows.windows[0].frames])
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
            self.report.append(f"Resumed after {start.step} of {self.run_sigmas.steps} steps.")
        return start, save

    def _start(self, x: Tensor) -> Denoiser:
        plan, no_text = self.plan.over(self.run_sigmas, self._schedule()), self._text_to_drop()
        if no_text:
            plan = plan.without_text()
        cache = plan.cache(time_embedding(self.inner_model), on_cpu=x.is_cuda)
        clones = Clones.of(self.model_options_of_step)
        denoiser = Denoiser(
            self._evaluate, plan.windows, plan.guidance, plan.hybrid, cache, self.on_forward,
            comfy.model_management.throw_exception_if_processing_interrupted,
            predicts="denoised", units_per_call=clones and len(clones), sigmas=plan.sigmas.values,
            arithmetic=arithmetic_of(self.inner_model, self.model_options_of_step.get("transformer_options", {})),
            pinning=self._pinning(plan, self.noise),
        )  # fmt: skip
        work = f"{denoiser.total} forward passes; about {self.needed}."
        say(work)
        cached = [] if cache is None else [cache_report(plan, cache)]
        shared = [] if clones is None else [clones.report(denoiser.planned_calls(plan.sigmas.values))]
        self.report[:] = [str(plan.windows), work, *self.remarks, *no_text, *cached, *shared]
        return denoiser

    def _pinning(self, plan: RunPlan, noise: Tensor | None) -> Pinning | None:
        """A later part of a run begins without noise of its own, and its x is noised already."""
        if plan.pinned_steps is None:
            return None
        return Pinning(
            self.backend.conditions.source_of,
            noise if noise is not None and noise.any() else None,
            plan.pinned_steps,
        )

    def _begun_from(self, latent: Tensor) -> Tensor:
        """What a pinned run at less than full noise begins from: the video, where the LATENT is empty."""
        if self.run_sigmas.values[0] >= 1 - SAME_SIGMA or latent.any():
            return latent
        video = self._pinning(self.plan, None).video(latent, self.plan.windows)
        return comfy.latent_formats.Wan21().process_out(video)

    def _schedule(self) -> SigmaGrid:
        """The whole one."""
        if self.full_sigmas is not None:
            return SigmaGrid(self.full_sigmas)
        return full_schedule(self.run_sigmas.values, shift_of(self.model_patcher))

    def _text_to_drop(self) -> list[str]:
        """What is said where no branch differs by its text, in any window; nothing where the text has guidance."""
        text = self.plan.settings.text_guidance
        texts = dict(
            zip(zip(*self.prompt_names.values(), strict=True), self.plan.windows.windows, strict=True)
        )
        if parse_schedule(text) == Constant(1):
            return []
        for window in texts.values():
            with_text, without_text = (
                self._cond(Unit(window, branch, "video")) for branch in ("noaudio", "null")
            )
            if not same_conds(with_text, without_text):
                return []
        return [no_text_line(text)]

    def _evaluate(self, units: Sequence[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        """Branches of one window go to the host together, which batches what it can; on several devices, single
        units."""
        timestep = x.new_full((x.shape[0],), sigma)
        if (clones := Clones.of(self.model_options_of_step)) is not None:
            tasks = [(self._cond(unit), x[:, :, unit.window.frames]) for unit in units]
            yield from clones.evaluate(tasks, timestep)
            return
        for window, group in groupby(units, attrgetter("window")):
            conds = [self._cond(unit) for unit in group]
            part = x[:, :, window.frames]
            yield from comfy.samplers.calc_cond_batch(
                self.inner_model, conds, part, timestep, self.model_options_of_step
            )

    def _cond(self, unit: Unit) -> list[dict[str, Any]]:
        entries = self.backend.entries(unit) | self._clip(unit)
        names = self.prompt_names["positive" if BRANCHES[unit.branch].text else "negative"]
        return [
            {**cond, "model_conds": {**model_conds_of(cond), **entries}, "uuid": self._name(cond, unit)}
            for cond in self.conds[names[unit.window.index]]
        ]

    def _clip(self, unit: Unit) -> dict[str, Any]:
        """What CLIP sees of the window's own first frame; without it the conditioning's picture serves all windows."""
        payload = self.backend.payload
        if getattr(payload, "clip_vision", None) is None:
            return {}
        seen = self.backend.conditions.kept[payload.clip_key(unit.window)]
        return {"clip_fea": comfy.conds.CONDRegular(seen)}

    def _name(self, cond: dict[str, Any], unit: Unit):
        """The same for every step, so that the host's caches can tell windows and branches apart."""
        return uuid5(cond.get("uuid", NAMESPACE_OID), f"{unit.window.index} {unit.branch}")


def magcache_of(settings: Settings) -> list[object]:
    """What names a run whose steps MagCache chooses; runs of TeaCache keep the names that they had."""
    if settings.cache != "magcache":
        return []
    return [settings.cache, settings.cache_in_a_row, settings.cache_magnitudes]


def _without_progress(option: object) -> object:
    """What shows the progress of a run changes nothing in it."""
    return type(option).__name__ if callable(option) else option


def plan_of(model, backend: Family, settings: Settings) -> RunPlan:
    """The size, the length and the shares of the steps are those of the conditioning."""
    edit = getattr(backend.payload, "edit", None)
    pinned = edit is not None and backend.payload.pinned
    task = "edit" if pinned or backend.hybrid is not None else "animation"
    settings = settings.override(hybrid=backend.hybrid)
    if pinned:
        settings = settings.override(method="pinned", hybrid=edit.pinned_steps, denoise=edit.denoise)
        settings.check()
    return RunPlan.of(settings, facts_of(model, backend.rule), backend.timeline, backend.size, task)
