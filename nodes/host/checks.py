"""What cannot be sampled, said before anything is loaded."""

from __future__ import annotations

from torch import Tensor

from ...skyreels_core.errors import InputError
from ...skyreels_core.model.config import LATENT_CHANNELS
from ...skyreels_core.timeline import SPATIAL
from .shift import shift_of

CACHE = "easycache"  # where both EasyCache and LazyCache leave their settings
# Entries of a prompt that speak of places in the whole video, which a window does not have.
UNSLICED = {"area": "an area", "mask": "a mask", "control": "a ControlNet", "gligen": "GLIGEN boxes"}


def check_model(model) -> None:
    """Raises InputError for a MODEL with something on it that windows of ours cannot have."""
    options = model.model_options
    if "context_handler" in options:
        raise InputError(
            "ComfyUI's context windows are set on this model, but this node makes its own windows. Remove the "
            "Context Windows node; the Windows node sets length and overlap."
        )
    if cache := options["transformer_options"].get(CACHE):
        raise InputError(
            f"The model has {cache.name} on it, which cannot tell windows apart. Remove that node and use the "
            "TeaCache node instead."
        )
    shift_of(model)


def check_conditioning(model, conditioning: list) -> None:
    """Raises InputError for prompts that windows cannot have, or of another model's text encoder."""
    needed = model.model.diffusion_model.text_embedding[0].in_features
    for tokens, options in conditioning:
        if found := [what for name, what in UNSLICED.items() if options.get(name) is not None]:
            raise InputError(
                f"A prompt has {found[0]} on it, which cannot be split into windows. Use prompts without it."
            )
        if tokens.shape[-1] != needed:
            raise InputError(
                f"The text has tokens of width {tokens.shape[-1]}, the video model reads width {needed}. Encode it "
                "with the text encoder of this model: UMT5-XXL for Wan, the demo's own for the demo."
            )


def check_vae(vae) -> None:
    """Raises InputError for a VAE that is none of Wan 2.1."""
    if (vae.latent_channels, vae.latent_dim) != (LATENT_CHANNELS, 3):
        raise InputError(
            f"This VAE gives latents of {vae.latent_channels} channels in {vae.latent_dim} dimensions; the Wan 2.1 "
            f"VAE gives {LATENT_CHANNELS} in 3. Load wan_2.1_vae.safetensors, or the demo's own."
        )


def check_latent(latent: Tensor, latent_frames: int, size: tuple[int, int]) -> None:
    """Raises InputError for a latent of another length or size than voice and picture (width, height)."""
    needed = (latent_frames, size[1] // SPATIAL, size[0] // SPATIAL)
    if latent.is_nested or latent.ndim != 5 or tuple(latent.shape[2:]) != needed:
        given = "of several streams" if latent.is_nested else f"of shape {list(latent.shape)}"
        raise InputError(
            f"The latent is {given}; voice and picture need [1, 16, {', '.join(map(str, needed))}] (batch, channels, "
            "latent frames, height, width). Take the latent from the node that the conditioning is from."
        )


def check_one_video(latent: dict[str, Tensor], what: str) -> None:
    if len(latent["samples"]) > 1:
        raise InputError(f"{what} generates one video at a time. Use a latent with a batch size of 1.")
