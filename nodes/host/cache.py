"""TeaCache's plan for the host's model."""

from __future__ import annotations

from collections.abc import Sequence

import comfy.model_management
import torch
from comfy.ldm.wan.model import sinusoidal_embedding_1d

from ...skyreels_core.model.config import published_name
from ...skyreels_core.sampling.cache import (
    COEFFICIENTS,
    CachePlan,
    Coefficients,
    coefficients_for,
    forced_steps,
)
from ...skyreels_core.sampling.guidance import Guidance, GuidanceSettings
from ...skyreels_core.sampling.hybrid import Hybrid
from ...skyreels_core.sampling.schedule import flow_sigmas
from .backends import find_backend
from .shift import recommended_shift

UNKNOWN = (
    "No TeaCache coefficients are known for this model, so the change of its timestep embedding counts as it is: "
    "compare with the cache off."
)


def plan_cache(
    inner_model,
    coefficients: Coefficients | None,
    size: tuple[int, int],
    sigmas: Sequence[float],
    guidance: Guidance,
    hybrid: Hybrid | None,
    threshold: float,
) -> tuple[CachePlan, str]:
    """Which steps of the run `sigmas` are computed, by the model's own coefficients or those of its backbone, and a
    report; the model's weights are where its patcher put them."""
    sizes = inner_model.model_config.unet_config
    backbone = published_name(sizes["model_type"], sizes["dim"], sizes["num_layers"], size)
    known = coefficients is not None or backbone in COEFFICIENTS
    coefficients = coefficients or coefficients_for(backbone)
    forced = forced_steps(sigmas, guidance, hybrid)
    plan = CachePlan.compute(sigmas, time_embedding(inner_model), coefficients, threshold, forced)
    return plan, str(plan) if known else f"{plan} {UNKNOWN}"


def time_embedding(inner_model):
    network, dtype = inner_model.diffusion_model, inner_model.get_dtype_inference()
    device = inner_model.device  # of the forwards; under dynamic VRAM a weight may lie elsewhere

    @torch.no_grad()
    def embedding(timestep: float) -> torch.Tensor:
        position = torch.tensor([timestep], device=device)
        return network.time_embedding(sinusoidal_embedding_1d(network.freq_dim, position).to(dtype))

    return embedding


def preview_plan(model, threshold: float, sigmas: torch.Tensor | None) -> str:
    """What a run over `sigmas`, or over the schedule that the model recommends, would reuse."""
    preset = find_backend(model).recommended(model)
    shift, _ = recommended_shift(model, preset)
    run = flow_sigmas(preset.steps, shift, preset.spacing) if sigmas is None else sigmas
    guidance = GuidanceSettings("1", "1").over(run)
    comfy.model_management.load_models_gpu([model])
    size, run = (preset.width, preset.height), guidance.grid.values
    _, report = plan_cache(model.model, preset.cache_coefficients, size, run, guidance, None, threshold)
    return report
