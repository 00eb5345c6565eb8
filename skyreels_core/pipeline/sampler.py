"""From inputs to latents: encoders, guidance, windows, cache and solver put together."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence

import torch
from torch import Tensor

from ..conditioning.prompts import PromptSchedule
from ..conditioning.shots import Animation, Shot, WindowConditions
from ..errors import InputError
from ..media.sound import Audio
from ..model.backbone import WanModel
from ..model.config import LATENT_CHANNELS, published_name
from ..run.resume import Resumable
from ..sampling.cache import CachePlan, CacheSettings, TeaCache, coefficients_for, forced_steps
from ..sampling.denoise import Denoiser
from ..sampling.finite import Arithmetic
from ..sampling.guidance import EQ3, Constant, Guidance, no_text_line, parse_schedule
from ..sampling.hybrid import Hybrid, variants_seen
from ..sampling.schedule import flow_sigmas
from ..sampling.solvers import SOLVERS, Callback, SolverState
from ..timeline import SPATIAL, Timeline
from ..windows import WindowPlan
from .evaluator import CoreEvaluator, Prompts
from .options import Run
from .room import Watch


def plan_windows(run: Run, timeline: Timeline) -> WindowPlan:
    settings = run.settings
    windows = WindowPlan.plan(timeline.latent_frames, settings.window, settings.overlap, settings.fusion)
    run.report.windows = len(windows.windows)
    run.report.frames, run.report.fps = timeline.frames, timeline.fps
    return windows


def encode_inputs(
    run: Run, audio: Audio, timeline: Timeline, text: str | PromptSchedule, picture: Tensor | None
) -> tuple[Tensor, Prompts, Tensor | None]:
    """Audio tokens [n width] of the timeline, the prompts, and CLIP tokens where the backbone reads them."""
    bundle = run.bundle
    with run.report.stage("voice"):
        samples, lines = run.settings.hearing.of(audio, timeline)
        tokens = bundle.whisper.encode(samples)
    run.report.say_all(lines)
    with run.report.stage("text"):
        prompts = Prompts.encode(bundle.text_encoder, PromptSchedule.of(text), run.settings.negative_text)
    if bundle.model.config.model_type == "t2v" or picture is None:
        return tokens, prompts, None
    if bundle.clip_vision is None:
        raise InputError(
            "This image-to-video backbone reads CLIP tokens of the picture; give its CLIP vision folder "
            "(--clip-vision)."
        )
    return tokens, prompts, bundle.clip_vision.encode(picture)


def encode_shot(
    run: Run, shot: Shot, windows: WindowPlan, kept: MutableMapping[str, Tensor] | None = None
) -> WindowConditions:
    """What every window is shown, encoded into `kept`, but for what is in there already; None: into memory."""
    count = len(windows.windows)
    hidden = Animation(None, *shot.size) if run.settings.null_image else None
    conditions = WindowConditions(shot, run.bundle.vae, windows, {} if kept is None else kept, hidden)

    def encoded(window: int) -> None:
        run.ask_to_go_on()
        run.advance("conditions", window, count)

    with run.report.stage("conditions"):
        conditions.encode_all(variants_seen(shot.hybrid), encoded)
    return conditions


def sample(run: Run, windows: WindowPlan, evaluator: CoreEvaluator, editing: bool) -> Tensor:
    """The latents [1 16 t h/8 w/8] of the whole video, at the size in the report."""
    settings = run.settings
    sigmas = flow_sigmas(settings.steps, settings.shift, settings.spacing)
    guidance = make_guidance(run, evaluator.prompts.are_empty(windows.windows, evaluator.fps), sigmas)
    hybrid = Hybrid(sigmas, settings.hybrid) if editing else None
    cache = make_cache(run, windows, guidance, hybrid)
    watch = Watch(run)
    denoiser = Denoiser(
        evaluator, windows, guidance, hybrid, cache, watch.forward, run.check_cancel,
        arithmetic=arithmetic(evaluator.dtype),
    )  # fmt: skip
    run.report.planned = denoiser.total
    needed = f"; about {run.report.room}" if run.report.room else ""
    run.report.say(
        f"Windows: {run.report.windows}. Steps: {settings.steps}. Forwards of the network: {denoiser.total}{needed}."
    )
    noise = make_noise(windows.latent_frames, run.report.size, run.settings.seed).to(evaluator.device)
    with run.report.stage("sampling"):
        latents = solve(run, denoiser, noise, guidance.grid.values, watch.step)
    denoiser.arithmetic.check_latents(latents)
    run.report.computed = denoiser.counts.computed.total()
    run.report.reused = denoiser.counts.reused.total()
    return latents


def solve(run: Run, denoiser: Denoiser, noise: Tensor, sigmas: Sequence[float], callback: Callback) -> Tensor:
    """From noise to latents, or from what the work folder holds of an earlier part of the run."""
    solver = SOLVERS[run.settings.solver]
    if run.work is None:
        return solver(denoiser, noise, sigmas, callback)
    resumable = Resumable(run.work, denoiser, sigmas)
    start = resumable.begin(noise)
    if isinstance(start, SolverState):
        run.report.say(f"Going on after {start.step} of {len(sigmas) - 1} steps.")
    return solver(denoiser, start, sigmas, callback, resumable.save)


def arithmetic(dtype: torch.dtype) -> Arithmetic:
    """What the core's own network computes with."""
    name = str(dtype).removeprefix("torch.")
    if dtype == torch.float32:
        remedy = "Download the model's files again."
    else:
        remedy = f"Give --dtype {'bfloat16 or ' * (dtype == torch.float16)}float32."
    return Arithmetic(f"{name} with PyTorch's attention", remedy)


def make_noise(latent_frames: int, size: tuple[int, int], seed: int) -> Tensor:
    width, height = size
    shape = (1, LATENT_CHANNELS, latent_frames, height // SPATIAL, width // SPATIAL)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def make_guidance(run: Run, no_text: bool, sigmas: Tensor) -> Guidance:
    text_scale = parse_schedule(run.settings.text_guidance)
    if no_text and not run.settings.null_image and text_scale != Constant(1):
        run.report.say(no_text_line(run.settings.text_guidance))
        text_scale = Constant(1)
    return Guidance(text_scale, parse_schedule(run.settings.audio_guidance), EQ3, sigmas)


def make_cache(run: Run, windows: WindowPlan, guidance: Guidance, hybrid: Hybrid | None) -> TeaCache | None:
    settings, model = run.settings, run.bundle.model
    config = model.config
    if settings.cache_threshold is None:
        return None
    sigmas = guidance.grid.values
    coefficients = settings.cache_coefficients or coefficients_for(
        published_name(config.model_type, config.dim, config.num_layers, run.report.size)
    )
    forced = forced_steps(sigmas, guidance, hybrid)
    plan = CachePlan.compute(sigmas, time_embedding(model), coefficients, settings.cache_threshold, forced)
    run.report.say(str(plan))
    asked = CacheSettings(settings.cache_threshold, run.settings.cache_memory)
    limit = asked.limit(windows.windows[0].length, run.report.size)
    return TeaCache(plan, on_cpu=model.patch_embedding.weight.is_cuda, limit=limit)


def time_embedding(model: WanModel) -> Callable[[float], Tensor]:
    weight = model.patch_embedding.weight

    @torch.no_grad()
    def embedding(timestep: float) -> Tensor:
        return model.time_embeddings(weight.new_full((1,), timestep, dtype=torch.float32))[0]

    return embedding
