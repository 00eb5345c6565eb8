"""Latents to frames by the host's own Wan VAE, a few at a time: memory does not grow with the length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import comfy.model_management
import torch
from comfy.ldm.wan.vae import WanVAE, count_cache_layers
from torch import Tensor

from ...skyreels_core.errors import InputError
from ...skyreels_core.timeline import SPATIAL
from .checks import check_vae

AT_ONCE = 2  # latent frames, as in the host's own decode; more of them take as long and round otherwise
BLOCK = 512  # latent frames; the first layer sees so many at once, in the host's own decode all
ESTIMATED = 5  # latent frames from which the host's estimate of memory is that of a video, not of a picture


def check_decoder(vae, latents: Tensor) -> None:
    """Raises InputError for a VAE that cannot decode piece by piece, or latents of no single video."""
    check_vae(vae)
    vae.throw_exception_if_invalid()
    if not isinstance(vae.first_stage_model, WanVAE):
        raise InputError(
            f"This VAE, a {type(vae.first_stage_model).__name__}, cannot decode a video piece by piece. Load "
            "wan_2.1_vae.safetensors, or the demo's own; or use VAE Decode and Create Talking Video."
        )
    if latents.is_nested or latents.ndim != 5 or latents.shape[:2] != (1, vae.latent_channels):
        shape = "of several streams" if latents.is_nested else f"of shape {list(latents.shape)}"
        raise InputError(
            f"The latent is {shape}; that of one video is [1, {vae.latent_channels}, frames, height, width]. Take it "
            "from a sampler after Image Animation or Video Edit Lip-Sync."
        )


def decode_stream(vae, latents: Tensor, at_once: int = AT_ONCE) -> Iterator[Tensor]:
    """Latents [1 16 t h w] as frames [8h 8w 3] in 0..1, each bit for bit what `vae.decode` of the whole gives.

    The VAE's causal cache holds the last two frames, so that the first chunk is one latent frame and the others are
    `at_once`, an even number. Raises InputError as `check_decoder`, and where memory does not suffice.
    """
    check_decoder(vae, latents)
    shape = latents[:, :, :ESTIMATED].shape
    comfy.model_management.load_models_gpu(
        [vae.patcher],
        memory_required=vae.memory_used_decode(shape, vae.vae_dtype),
        force_full_load=vae.disable_offload,
    )
    cache = [None] * count_cache_layers(vae.first_stage_model.decoder)
    for block in _split(latents, 1 + BLOCK, BLOCK):
        hidden = _prepared(vae, block)
        for chunk in _split(hidden, 1 if cache[0] is None else at_once, at_once):
            comfy.model_management.throw_exception_if_processing_interrupted()
            yield from _decoded(vae, chunk, cache).float().cpu()


def _split(latents: Tensor, first: int, others: int) -> list[Tensor]:
    """In time; none is empty."""
    parts = (latents[:, :, :first], *latents[:, :, first:].split(others, dim=2))
    return [part for part in parts if part.shape[2]]


def _prepared(vae, latents: Tensor) -> Tensor:
    with _current(vae.device), _enough_memory(vae, latents):
        return vae.first_stage_model.conv2(latents.to(vae.device, vae.vae_dtype))


def _decoded(vae, hidden: Tensor, cache: list) -> Tensor:
    """[1 16 t h w] after those that left the cache -> [f 8h 8w 3]"""
    with _current(vae.device), _enough_memory(vae, hidden):
        made = torch.cat(vae.first_stage_model.decoder(hidden, feat_cache=cache, feat_idx=[0]), dim=2)
        pixels = made.to(vae.output_device, vae.vae_output_dtype(), copy=True)
        vae.process_output(pixels)
    return pixels[0].movedim(0, -1)


def _current(device: torch.device):
    """In hosts that have it; others know no second GPU."""
    enter = getattr(comfy.model_management, "cuda_device_context", nullcontext)
    return enter(device)


@contextmanager
def _enough_memory(vae, latents: Tensor) -> Iterator[None]:
    """What was decoded so far is in the file already: the host's way out, to begin again with tiles, is shut."""
    try:
        yield
    except Exception as error:
        comfy.model_management.raise_non_oom(error)
        comfy.model_management.soft_empty_cache()
        width, height = latents.shape[4] * SPATIAL, latents.shape[3] * SPATIAL
        raise InputError(
            f"Memory ran out while {width}x{height} pixels were decoded in {str(vae.vae_dtype).split('.')[-1]}. Make "
            "the picture smaller, start ComfyUI with --bf16-vae or --cpu-vae, or close other programs that use the "
            "GPU."
        ) from None
