"""The all-in-one sampler: the core's solvers inside the host."""

from __future__ import annotations

import time
from dataclasses import dataclass

import comfy.sample
import comfy.utils
from torch import Tensor

from ...skyreels_core.run.progress import clock
from ...skyreels_core.run.settings import Settings
from ...skyreels_core.sampling.cache import CacheSettings
from ...skyreels_core.sampling.guidance import GuidanceSettings
from ...skyreels_core.sampling.schedule import flow_sigmas
from ...skyreels_core.sampling.solvers import SOLVERS
from ...skyreels_core.windows import WindowSettings
from .audio_layers import KEY
from .backends import find_backend
from .guider import AudioGuider, Request
from .reporting import SamplingProgress, say
from .shift import recommended_shift
from .solver import core_sampler

GIVEN = "given here"  # in a field of the node


@dataclass(frozen=True)
class Choices:
    """The sampler's fields; 0, -1 or "" is what the model's file recommends."""

    seed: int
    steps: int
    shift: float
    solver: str
    audio: str
    text: str
    window: int  # latent frames
    overlap: int  # latent frames
    fusion: str
    tea_cache: float  # threshold
    cache: CacheSettings | None  # these three go before the fields
    windows: WindowSettings | None
    guidance: GuidanceSettings | None
    null_image: bool
    keep: bool  # the state on disk

    def shift_for(self, model, preset: Settings) -> tuple[float, str]:
        """The shift, and where it comes from."""
        return (self.shift, GIVEN) if self.shift else recommended_shift(model, preset)

    def cache_for(self, preset: Settings) -> tuple[CacheSettings, str]:
        """TeaCache's settings, and where they come from."""
        if self.cache is not None:
            return self.cache, "of the TeaCache node"
        if self.tea_cache >= 0:
            return CacheSettings(self.tea_cache), GIVEN
        return CacheSettings(preset.cache_threshold or 0.0), "recommended for the model"

    def request(self, preset: Settings) -> Request:
        overlap = preset.overlap if self.overlap < 0 else self.overlap
        windows = self.windows or WindowSettings(self.window or preset.window, overlap, self.fusion)
        audio, text = self.audio.strip() or preset.audio_guidance, self.text.strip() or preset.text_guidance
        guidance = self.guidance or GuidanceSettings(audio, text)
        cache, _ = self.cache_for(preset)
        return Request(windows, guidance, cache, null_image=self.null_image, keep=self.keep)


def run_sampler(model, positive: list, negative: list, latent: dict, choices: Choices) -> tuple[dict, str]:
    """The LATENT of the whole video, and a report."""
    started = time.monotonic()
    preset = find_backend(model).recommended(model)
    steps, (shift, shift_source) = choices.steps or preset.steps, choices.shift_for(model, preset)
    solver = choices.solver if choices.solver in SOLVERS else preset.solver
    sigmas, request = flow_sigmas(steps, shift, preset.spacing), choices.request(preset)
    guider = AudioGuider(model, positive, negative, request, progress := SamplingProgress(True, model))
    samples = latent["samples"]
    noise = comfy.sample.prepare_noise(samples, choices.seed, latent.get("batch_index"))
    sampled: Tensor = guider.sample(
        noise, samples, core_sampler(solver), sigmas.float(), latent.get("noise_mask"),
        progress.step, disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED, seed=choices.seed,
    )  # fmt: skip
    guidance, (cache, cache_source) = request.guidance, choices.cache_for(preset)
    report = "\n".join([
        f"{steps} steps of {solver}, shift {shift:g} ({shift_source}), audio guidance {guidance.audio}, text guidance "
        f"{guidance.text}, TeaCache {f'{cache.threshold:g}' if cache.threshold else 'off'} ({cache_source}).",
        str(request.windows),
        *request.report,
        f"Sampled in {clock(time.monotonic() - started)}.",
    ])  # fmt: skip
    say(report)
    made = {"plan": guider.plan, "work": guider.kept_in}
    return {**latent, "samples": sampled.to(samples.device), KEY: made}, report
