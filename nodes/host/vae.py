"""The host's VAE as the core's encoder of conditions."""

from __future__ import annotations

import comfy.latent_formats
from torch import Tensor


class HostVideoEncoder:
    """`skyreels_core.conditioning.conditions.VideoEncoder` over a VAE socket."""

    def __init__(self, vae) -> None:
        self.vae = vae
        self.format = comfy.latent_formats.Wan21()

    def encode(self, video: Tensor) -> Tensor:
        """[1 3 f h w] in -1..1 -> normalised latents [1 16 t h/8 w/8]"""
        pixels = (video[0].movedim(0, -1) + 1) / 2
        return self.format.process_in(self.vae.encode(pixels))
