"""Around the forward passes: the VAE, what is done with decoded frames, and what a cache costs."""

from __future__ import annotations

import time
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor

from skyreels_core.media.unify import unify_stream
from skyreels_core.model.vae import VideoVAE
from skyreels_core.sampling.cache import CachePlan, StepCache
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.guidance import GuidanceSettings
from skyreels_core.sampling.schedule import SigmaGrid, flow_sigmas
from skyreels_core.sampling.solvers import SOLVERS
from skyreels_core.timeline import SPATIAL, frames_of
from skyreels_core.windows import WindowPlan

from .sizes import Sizes, finish, network, peak_gib, seconds

STEPS, COMPUTED = 8, 4  # of the run with a cache


def vae_of(sizes: Sizes) -> VideoVAE:
    made = network(lambda: AutoencoderKLWan(base_dim=sizes.vae_width), sizes.device, torch.float32)
    assert isinstance(made, AutoencoderKLWan)
    return VideoVAE(made).to(sizes.device)


def vae(sizes: Sizes) -> dict[str, Any]:
    """Encode and decode a window, and unify the colours of its frames on the CPU; the VAE in float32."""
    network, (frames, rows, columns) = vae_of(sizes), sizes.latent
    video = torch.rand(1, 3, frames_of(frames), SPATIAL * rows, SPATIAL * columns, device=sizes.device)
    latents = torch.randn(1, 16, *sizes.latent, device=sizes.device)
    found = {
        "encode": seconds(lambda: network.encode(2 * video - 1), sizes, 1),
        "decode": seconds(lambda: [chunk.cpu() for chunk in network.decode_stream(latents)], sizes, 1),
    }
    shown = list(video[0].permute(1, 2, 3, 0).cpu())
    found["finish"] = seconds(
        lambda: list(unify_stream(shown, 25.0, reference=lambda index: shown[0])), sizes, 1
    )
    return found | {"peak_gib": peak_gib(sizes)}


def caches(sizes: Sizes) -> dict[str, Any]:
    """Milliseconds that keeping and reusing velocities adds to a step, beside a network that takes no time."""
    plain, cached = (run_of(sizes, cache) for cache in (False, True))
    return {"milliseconds_per_step": 1000 * (cached - plain) / STEPS}


def run_of(sizes: Sizes, cache: bool) -> float:
    sigmas = flow_sigmas(STEPS, 5.0, "even").tolist()
    grid = SigmaGrid(sigmas)
    shape = (1, 16, *sizes.latent)
    noise, velocity = (torch.randn(shape, device=sizes.device) for _ in range(2))
    computed = tuple(step < COMPUTED for step in range(STEPS))
    denoiser = Denoiser(
        lambda units, x, sigma: iter([velocity] * len(units)),
        WindowPlan.plan(sizes.latent[0], sizes.latent[0], 0),
        GuidanceSettings("4.5", "5").over(grid.values, "eq3"),
        None,
        StepCache(CachePlan(grid, computed), on_cpu=sizes.device.type == "cuda") if cache else None,
    )

    def sampled() -> Tensor:
        denoiser.reset()
        return SOLVERS["euler"](denoiser, noise, sigmas, None, seed=0)

    return seconds(sampled, sizes)


def clock(compute: Any, sizes: Sizes) -> tuple[float, Any]:
    """Seconds of one call, and what it gave."""
    started = time.perf_counter()
    made = compute()
    finish(sizes)
    return time.perf_counter() - started, made
