"""From inputs to latents: encoders, guidance, windows, cache and solver put together."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..audio.reading import Audio, mono_16k
from ..errors import InputError
from ..model.backbone import WanModel
from ..model.config import CONFIGS, LATENT_CHANNELS, WanConfig
from ..sampling.cache import CachePlan, TeaCache, coefficients_for, forced_steps
from ..sampling.denoise import Denoiser
from ..sampling.fusion import WindowPlan
from ..sampling.guidance import EQ3, Constant, Guidance, parse_schedule
from ..sampling.hybrid import Hybrid
from ..sampling.schedule import flow_sigmas
from ..sampling.solvers import SOLVERS
from ..timeline import SAMPLE_RATE, SPATIAL, Timeline
from .evaluator import CoreEvaluator, Prompts
from .options import Run

BETWEEN_480P_AND_720P = 600_000  # pixels


def plan_windows(run: Run, timeline: Timeline) -> WindowPlan:
    preset = run.preset
    windows = WindowPlan.plan(timeline.latent_frames, preset.window, preset.overlap, run.settings.fusion)
    run.report.windows = len(windows.windows)
    run.report.frames, run.report.fps = timeline.frames, timeline.fps
    return windows


def encode_inputs(
    run: Run, audio: Audio, timeline: Timeline, text: str, picture: Tensor | None
) -> tuple[Tensor, Prompts, Tensor | None]:
    """Audio tokens [n width] of the timeline, the prompts, and CLIP tokens where the backbone reads them."""
    bundle = run.bundle
    with run.report.stage("voice"):
        samples = fill(mono_16k(audio), timeline.sample_count(SAMPLE_RATE))
        tokens = bundle.whisper.encode(samples)
    with run.report.stage("text"):
        prompts = Prompts.collapse(bundle.text_encoder.encode([text, run.settings.negative_text]))
    if bundle.model.config.model_type == "t2v" or picture is None:
        return tokens, prompts, None
    if bundle.clip_vision is None:
        raise InputError(
            "This image-to-video backbone reads CLIP tokens of the picture; give its CLIP vision folder "
            "(--clip-vision)."
        )
    return tokens, prompts, bundle.clip_vision.encode(picture)


def cut_voice(audio: Audio, timeline: Timeline) -> Audio:
    """The voice exactly as long as the video, filled with silence where it is shorter."""
    return Audio(fill(audio.samples, timeline.sample_count(audio.sample_rate)), audio.sample_rate)


def fill(samples: Tensor, length: int) -> Tensor:
    """[... n] -> [... length]"""
    kept = samples[..., :length]
    return torch.nn.functional.pad(kept, (0, length - kept.shape[-1]))


def sample(run: Run, windows: WindowPlan, evaluator: CoreEvaluator, text: str, editing: bool) -> Tensor:
    """The latents [1 16 t h/8 w/8] of the whole video, at the size in the report."""
    preset = run.preset
    sigmas = flow_sigmas(preset.steps, preset.shift)
    guidance = make_guidance(run, text, sigmas)
    hybrid = Hybrid(sigmas, preset.hybrid) if editing else None
    cache = make_cache(run, guidance, hybrid)
    denoiser = Denoiser(
        evaluator, windows, guidance, hybrid, cache, partial(run.advance, "sampling"), run.check_cancel
    )
    run.report.planned = denoiser.total
    run.report.say(f"Windows: {run.report.windows}. Forwards of the network: {denoiser.total}.")
    noise = make_noise(windows.latent_frames, run.report.size, run.settings.seed).to(evaluator.device)
    with run.report.stage("sampling"):
        latents = SOLVERS[preset.solver](denoiser, noise, sigmas)
    run.report.computed = denoiser.counts.computed.total()
    run.report.reused = denoiser.counts.reused.total()
    return latents


def make_noise(latent_frames: int, size: tuple[int, int], seed: int) -> Tensor:
    width, height = size
    shape = (1, LATENT_CHANNELS, latent_frames, height // SPATIAL, width // SPATIAL)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_guidance(run: Run, text: str, sigmas: Tensor) -> Guidance:
    text_scale = parse_schedule(run.preset.text_guidance)
    nothing_to_follow = text == run.settings.negative_text and not run.settings.null_image
    if nothing_to_follow and text_scale != Constant(1):
        run.report.say("There is no text to follow: text guidance is off, which saves its forwards.")
        text_scale = Constant(1)
    return Guidance(text_scale, parse_schedule(run.preset.audio_guidance), EQ3, sigmas)


def make_cache(run: Run, guidance: Guidance, hybrid: Hybrid | None) -> TeaCache | None:
    preset, model = run.preset, run.bundle.model
    if preset.cache_threshold is None:
        return None
    sigmas = guidance.grid.values
    coefficients = preset.cache_coefficients or coefficients_for(
        published_name(model.config, run.report.size)
    )
    forced = forced_steps(sigmas, guidance, hybrid)
    plan = CachePlan.compute(sigmas, time_embedding(model), coefficients, preset.cache_threshold, forced)
    run.report.say(f"TeaCache computes {sum(plan.computed)} of {len(plan.computed)} steps.")
    return TeaCache(plan, on_cpu=model.patch_embedding.weight.is_cuda)


def time_embedding(model: WanModel) -> Callable[[float], Tensor]:
    weight = model.patch_embedding.weight

    @torch.no_grad()
    def embedding(timestep: float) -> Tensor:
        return model.time_embeddings(weight.new_full((1,), timestep, dtype=torch.float32))[0]

    return embedding


def published_name(config: WanConfig, size: tuple[int, int]) -> str:
    """The backbone's name among TeaCache's published coefficients, as far as its sizes tell."""
    sizes = (config.model_type, config.dim, config.num_layers)
    known = {(same.model_type, same.dim, same.num_layers): name for name, same in CONFIGS.items()}
    name = known.get(sizes, "of its own")
    if name != "i2v-14b":
        return name
    return f"{name}-{'480p' if math.prod(size) < BETWEEN_480P_AND_720P else '720p'}"
