"""TeaCache and MagCache for the host's model."""

from __future__ import annotations

import comfy.model_management
import torch
from comfy.ldm.wan.model import sinusoidal_embedding_1d

from ...skyreels_core.run.plan import RunPlan
from ...skyreels_core.run.settings import Settings
from ...skyreels_core.sampling.cache import CacheSettings, StepCache
from ...skyreels_core.sampling.schedule import SigmaGrid
from ...skyreels_core.timeline import Timeline
from .resources import facts_of
from .settings import of_cache
from .shift import recommended_shift

UNKNOWN = (
    "No TeaCache coefficients are known for this model, so the change of its timestep embedding is used "
    "unscaled: compare with the cache off."
)


def time_embedding(inner_model):
    """Of a model whose weights are where its patcher put them."""
    network, dtype = inner_model.diffusion_model, inner_model.get_dtype_inference()
    device = inner_model.device  # of the forwards; under dynamic VRAM a weight may lie elsewhere

    @torch.no_grad()
    def embedding(timestep: float) -> torch.Tensor:
        position = torch.tensor([timestep], device=device)
        return network.time_embedding(sinusoidal_embedding_1d(network.freq_dim, position).to(dtype))

    return embedding


def cache_report(plan: RunPlan, cache: StepCache) -> str:
    return str(cache.plan) if plan.knows_coefficients else f"{cache.plan} {UNKNOWN}"


def preview_plan(model, preset: Settings, cache: CacheSettings, sigmas: torch.Tensor | None) -> str:
    """What a run over `sigmas`, or over the schedule of the preset, would reuse."""
    plan = plan_of_cache(model, preset, cache)
    if sigmas is not None:
        grid = SigmaGrid(sigmas)
        plan = plan.over(grid, grid)
    comfy.model_management.load_models_gpu([model])
    return cache_report(plan, plan.cache(time_embedding(model.model), on_cpu=False))


def plan_of_cache(model, preset: Settings, cache: CacheSettings) -> RunPlan:
    """As long as one frame, without guidance: the steps count alone."""
    shift, _ = recommended_shift(model, preset)
    settings = preset.override(shift=shift, audio_guidance="1", text_guidance="1", **of_cache(cache))
    size = preset.width, preset.height
    return RunPlan.of(settings, facts_of(model, "eq3"), Timeline(1, preset.fps), size, "animation")
