"""Previews of a VAE whose latents are not Wan's own: the host's colours for Wan would show nonsense."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from .vae import HostVideoEncoder


def fit_preview_colours(model, vae, frames: Tensor) -> None:
    """Let the host's latent previews of MODEL show what VAE decodes: a linear fit of latents to colours over
    frames [f h w 3] in 0..1."""
    encoder = HostVideoEncoder(vae)
    latents = torch.cat([encoder.encode(frame.movedim(-1, 0)[None, :, None] * 2 - 1) for frame in frames])
    cells = latents[:, :, 0].movedim(1, -1)  # [f h/8 w/8 16]
    colours = adaptive_avg_pool2d(frames.movedim(-1, 1), cells.shape[1:3]).movedim(1, -1) * 2 - 1
    known = torch.cat([cells, torch.ones_like(cells[..., :1])], dim=-1).flatten(0, -2).float()
    factors = torch.linalg.lstsq(known, colours.flatten(0, -2)).solution
    shown = copy.copy(model.model.latent_format)
    shown.latent_rgb_factors, shown.latent_rgb_factors_bias = factors[:-1].tolist(), factors[-1].tolist()
    model.model.latent_format = shown
