"""TeaCache's plan for the host's model."""

from __future__ import annotations

from collections.abc import Sequence

import comfy.model_management
import torch
from comfy.ldm.wan.model import sinusoidal_embedding_1d

from ...skyreels_core.model.config import published_name
from ...skyreels_core.sampling.cache import CachePlan, coefficients_for, forced_steps
from ...skyreels_core.sampling.guidance import Guidance, GuidanceSettings
from ...skyreels_core.sampling.hybrid import Hybrid
from ...skyreels_core.sampling.schedule import flow_sigmas
from .audio_layers import AudioLayers
from .checks import check_model


def plan_cache(
    inner_model,
    layers: AudioLayers | None,
    size: tuple[int, int],
    sigmas: Sequence[float],
    guidance: Guidance,
    hybrid: Hybrid | None,
    threshold: float,
) -> CachePlan:
    """Which steps of the run `sigmas` are computed; the model's weights are where its patcher put them."""
    stated = None if layers is None else layers.preset.cache_coefficients
    sizes = inner_model.model_config.unet_config
    coefficients = stated or coefficients_for(
        published_name(sizes["model_type"], sizes["dim"], sizes["num_layers"], size)
    )
    forced = forced_steps(sigmas, guidance, hybrid)
    return CachePlan.compute(sigmas, time_embedding(inner_model), coefficients, threshold, forced)


def time_embedding(inner_model):
    network, dtype = inner_model.diffusion_model, inner_model.get_dtype_inference()
    device = network.time_embedding[0].weight.device

    @torch.no_grad()
    def embedding(timestep: float) -> torch.Tensor:
        position = torch.tensor([timestep], device=device)
        return network.time_embedding(sinusoidal_embedding_1d(network.freq_dim, position).to(dtype))

    return embedding


def preview_plan(model, threshold: float, sigmas: torch.Tensor | None) -> str:
    """What a run over `sigmas`, or over the schedule that the model recommends, would reuse."""
    layers = check_model(model)
    preset = layers.preset
    run = flow_sigmas(preset.steps, preset.shift) if sigmas is None else sigmas
    guidance = GuidanceSettings("1", "1").over(run)
    comfy.model_management.load_models_gpu([model])
    size = preset.width, preset.height
    return str(plan_cache(model.model, layers, size, guidance.grid.values, guidance, None, threshold))
