"""The all-in-one sampler: the core's solvers inside the host."""

from __future__ import annotations

import time

import comfy.sample
import comfy.utils
import torch
from torch import Tensor

from ...skyreels_core.run.progress import clock
from ...skyreels_core.sampling.cache import CACHES
from .family import Family
from .guider import AudioGuider
from .made import with_made
from .presets import recommended
from .reporting import SamplingProgress, say
from .settings import Given, cache_source, with_shift
from .solver import core_sampler


def run_sampler(
    family: type[Family], model, positive: list, negative: list, latent: dict, fields: Given, sockets: Given,
    keeps_state: bool,
) -> tuple[dict, str]:  # fmt: skip
    """The LATENT of the whole video, and a report. What `sockets` bring goes before the node's own `fields`."""
    started = time.monotonic()
    own = recommended(family, model)
    settings, shift_source = with_shift(model, own.override(**{**fields, **sockets}), fields)
    progress = SamplingProgress(True, model)
    guider = AudioGuider(family, model, positive, negative, settings, progress, keeps_state=keeps_state)
    samples = latent["samples"]
    noise = comfy.sample.prepare_noise(samples, settings.seed, latent.get("batch_index"))
    sigmas = torch.tensor(guider.plan.sigmas.values, dtype=torch.float32)
    sampled: Tensor = guider.sample(
        noise, samples, core_sampler(settings.solver), sigmas, latent.get("noise_mask"),
        progress.step, disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED, seed=settings.seed,
    )  # fmt: skip
    threshold = settings.cache_threshold
    report = "\n".join([
        f"{settings.steps} steps of {settings.solver}, shift {settings.shift:g} ({shift_source}), audio guidance "
        f"{settings.audio_guidance}, text guidance {settings.text_guidance}, {CACHES[settings.cache]} "
        f"{f'{threshold:g}' if threshold else 'off'} ({cache_source(fields, sockets)}).",
        str(settings.windows()),
        *guider.report,
        f"Sampled in {clock(time.monotonic() - started)}.",
    ])  # fmt: skip
    say(report)
    return with_made(latent, sampled.to(samples.device), guider), report
