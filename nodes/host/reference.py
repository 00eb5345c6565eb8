"""A reference that a model sees beside its video, under the host's names in a conditioning."""

from __future__ import annotations

from typing import Any

import comfy.utils
import torch
from torch import Tensor

from ...skyreels_core.model.config import LATENT_CHANNELS
from ...skyreels_core.timeline import SPATIAL

REFERENCE, AUDIO = "reference_latents", "audio_embed"


def entry(conditioning: list, name: str) -> Any:
    return next((options[name] for _, options in conditioning if name in options), None)


def reference_latent(vae, picture: Tensor | None, size: tuple[int, int]) -> Tensor:
    """A picture [1 h w c] scaled, cropped and encoded, or nothing: [1 16 1 h/8 w/8]."""
    width, height = size
    if picture is None:
        return torch.zeros(1, LATENT_CHANNELS, 1, height // SPATIAL, width // SPATIAL)
    placed = comfy.utils.common_upscale(picture[..., :3].movedim(-1, 1), width, height, "bilinear", "center")
    return vae.encode(placed.movedim(1, -1))
