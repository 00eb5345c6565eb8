"""From inputs to latents: encoders, guidance, windows, cache and solver put together."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ..conditioning.prompts import PromptSchedule
from ..conditioning.visual import Animation, VisualCondition, WindowConditions
from ..errors import InputError
from ..media.sound import Audio
from ..model.backbone import WanModel
from ..model.config import LATENT_CHANNELS
from ..run.plan import RunPlan
from ..run.progress import EtaTracker
from ..run.resume import Resumable
from ..run.spilled import SpilledLatents
from ..sampling.denoise import Denoiser
from ..sampling.finite import ComputeInfo
from ..sampling.guidance import Constant, no_text_line, parse_schedule
from ..sampling.pinning import Pinning
from ..sampling.solvers import SOLVERS, Callback, SolverState
from ..timeline import SPATIAL
from .dealt import DealtEvaluator
from .evaluator import CoreEvaluator, Prompts, tokens_of
from .run import Run
from .worker import RunInputs

Evaluator = CoreEvaluator | DealtEvaluator


def make_latents(
    run: Run, audio: Audio, text: str | PromptSchedule, visual: VisualCondition, picture: Tensor | None,
    needed: str = "", kept: MutableMapping[str, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """The latents [1 16 t h/8 w/8] of the whole video from its inputs. `picture` [h w 3] is what CLIP is given of
    `visual`; `needed` as in `sample`, `kept` as in `encode_visual`."""
    evaluator, conditions = evaluator_of(run, audio, text, visual, picture, kept)
    return sample(run, evaluator, needed, conditions)


def evaluator_of(
    run: Run, audio: Audio, text: str | PromptSchedule, visual: VisualCondition, picture: Tensor | None,
    kept: MutableMapping[str, Tensor] | None = None,
) -> tuple[Evaluator, WindowConditions | None]:  # fmt: skip
    """What computes the run's units, and what its windows are shown; arguments as in `make_latents`."""
    plan, bundle = run.plan, run.bundle
    tokens, prompts, clip_tokens = encode_inputs(run, audio, text, picture)
    shows_picture = plan.model.config.takes_picture
    conditions = encode_visual(run, visual, kept) if shows_picture or plan.is_pinned else None
    shown = conditions if shows_picture else None
    if run.workers is not None:
        window = tokens_of(latent_shape(plan, plan.window_length))
        inputs = RunInputs(tokens, plan.timeline.fps, prompts, shows_picture, clip_tokens, window)
        evaluator = DealtEvaluator(run.workers, inputs, shown, run.check_cancel)
    else:
        evaluator = CoreEvaluator(
            bundle.model, bundle.audio_layers, tokens, plan.timeline.fps, prompts, shown, clip_tokens
        )
    return evaluator, conditions


def encode_inputs(
    run: Run, audio: Audio, text: str | PromptSchedule, picture: Tensor | None
) -> tuple[Tensor, Prompts, Tensor | None]:
    """Audio tokens [n width] of the plan's timeline, the prompts, and CLIP tokens where the backbone reads them."""
    bundle, settings = run.bundle, run.plan.settings
    with run.report.stage("voice"):
        samples, lines = settings.hearing.of(audio, run.plan.timeline)
        tokens = bundle.whisper.encode(samples)
    run.report.say_all(lines)
    with run.report.stage("text"):
        prompts = Prompts.encode(bundle.text_encoder, PromptSchedule.of(text), settings.negative_text)
    if bundle.model.config.model_type == "t2v" or picture is None:
        return tokens, prompts, None
    if bundle.clip_vision is None:
        raise InputError(
            "This image-to-video backbone reads CLIP tokens of the picture; give its CLIP vision folder "
            "(--clip-vision)."
        )
    return tokens, prompts, bundle.clip_vision.encode(picture)


def encode_visual(
    run: Run, visual: VisualCondition, kept: MutableMapping[str, Tensor] | None = None
) -> WindowConditions:
    """What every window is shown, encoded into `kept`, but for what is in there already; None: into memory."""
    plan, count = run.plan, len(run.plan.windows.windows)
    hidden = Animation(None, *plan.size) if plan.settings.null_image else None
    conditions = WindowConditions(visual, run.bundle.vae, plan.windows, {} if kept is None else kept, hidden)

    def encoded(window: int) -> None:
        run.ask_to_go_on()
        run.advance("conditions", window, count)

    with run.report.stage("conditions"):
        conditions.encode_all(plan.variants if plan.model.config.takes_picture else ("source",), encoded)
    return conditions


def sample(
    run: Run, evaluator: Evaluator, needed: str = "", conditions: WindowConditions | None = None
) -> Tensor:
    """The latents [1 16 t h/8 w/8] of the whole video; `needed` says what that takes, `conditions` hold what a pinned
    edit keeps."""
    plan = with_text_or_without(run, evaluator)
    cache = plan.cache(time_embedding(run.bundle.model), on_cpu=evaluator.device.type == "cuda")
    if cache is not None:
        run.report.say(str(cache.plan))
    eta = EtaTracker(run.report.say, run.bundle.vae.decode_stream, partial(run.advance, "sampling"))
    noise = make_noise(plan).to(evaluator.device)
    pinning = pinning_of(run, plan, conditions, noise)
    denoiser = Denoiser(
        evaluator, plan.windows, plan.guidance, plan.hybrid, cache, eta.forward, run.check_cancel,
        arithmetic=arithmetic(evaluator.dtype), pinning=pinning, units_per_call=evaluator.units_per_call,
    )  # fmt: skip
    run.report.planned = denoiser.total
    run.report.say(
        f"Windows: {run.report.windows}. Steps: {plan.settings.steps}. Forward passes: {denoiser.total}"
        f"{needed and f'; about {needed}'}."
    )
    sigmas = plan.sigmas.values
    if isinstance(evaluator, DealtEvaluator):
        run.report.say(evaluator.dealing(denoiser.planned_calls(sigmas)))
    begun = [noise if pinning is None or sigmas[0] == 1 else pinning.begun(noise, plan.windows, sigmas[0])]
    del noise
    with run.report.stage("sampling"):
        latents = solve(run, denoiser, begun.pop, sigmas, eta.step)
    denoiser.arithmetic.check_latents(latents)
    run.report.computed = denoiser.counts.computed.total()
    run.report.reused = denoiser.counts.reused.total()
    return latents


def pinning_of(run: Run, plan: RunPlan, conditions: WindowConditions | None, noise: Tensor) -> Pinning | None:
    """What the windows keep; the noise that they keep lies on the disk where the run's state does."""
    steps = plan.pinned_steps
    if conditions is None or steps is None:
        return None
    kept = noise if run.work is None else SpilledLatents(noise, run.work.path)
    return Pinning(conditions.source_of, kept, steps)


def with_text_or_without(run: Run, evaluator: Evaluator) -> RunPlan:
    """The run's plan; what it saves where there is no text to follow is said."""
    plan, text = run.plan, run.plan.settings.text_guidance
    if plan.settings.null_image or parse_schedule(text) == Constant(1):
        return plan
    if not evaluator.prompts.are_empty(plan.windows.windows, plan.timeline.fps):
        return plan
    run.report.say(no_text_line(text))
    return plan.without_text()


def solve(
    run: Run,
    denoiser: Denoiser,
    begun: Callable[[], Tensor],
    sigmas: Sequence[float],
    callback: Callback,
) -> Tensor:
    """From the noise that `begun` gives once to latents, or from what the run state holds of an earlier part."""
    settings = run.plan.settings
    solver = SOLVERS[settings.solver]
    if run.work is None:
        return solver(denoiser, begun, sigmas, callback, seed=settings.seed)
    resumable = Resumable(run.work, denoiser, sigmas)

    def start() -> Tensor | SolverState:
        state = resumable.begin(begun())
        if isinstance(state, SolverState):
            run.report.say(f"Resuming after {state.step} of {len(sigmas) - 1} steps.")
        return state

    return solver(denoiser, start, sigmas, callback, resumable.save, settings.seed)


def arithmetic(dtype: torch.dtype) -> ComputeInfo:
    """What the core's own network computes with."""
    name = str(dtype).removeprefix("torch.")
    if dtype == torch.float32:
        remedy = "Download the model's files again."
    else:
        remedy = f"Use dtype {'bfloat16 or ' * (dtype == torch.float16)}float32 (--dtype)."
    return ComputeInfo(f"{name} with PyTorch's attention", remedy)


def make_noise(plan: RunPlan) -> Tensor:
    shape = latent_shape(plan, plan.windows.latent_frames)
    return torch.randn(shape, generator=torch.Generator().manual_seed(plan.settings.seed))


def latent_shape(plan: RunPlan, latent_frames: int) -> tuple[int, ...]:
    width, height = plan.size
    return 1, LATENT_CHANNELS, latent_frames, height // SPATIAL, width // SPATIAL


def time_embedding(model: WanModel) -> Callable[[float], Tensor]:
    weight = model.patch_embedding.weight

    @torch.no_grad()
    def embedding(timestep: float) -> Tensor:
        return model.time_embeddings(weight.new_full((1,), timestep, dtype=torch.float32))[0]

    return embedding
