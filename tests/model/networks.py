"""A backbone with audio layers, toy-sized, with no weight at a value that would hide a mistake, and a forward pass."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.config import CONFIGS, AudioConfig

WAN = replace(CONFIGS["demo"], dim=96, ffn_dim=160, freq_dim=64, text_dim=48, num_layers=3)
VOICE = AudioConfig(width=32, dim=96, num_heads=4, num_layers=3, eps=1e-6, rope=True)


def networks(dtype: torch.dtype = torch.float32) -> tuple[WanModel, AudioAdapter]:
    generator = torch.Generator().manual_seed(0)
    made = WanModel(WAN), AudioAdapter(VOICE)
    for network in made:
        for parameter in network.parameters():
            std = 0.3 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
            torch.nn.init.normal_(parameter, std=std, generator=generator)
        network.requires_grad_(False).to(dtype)
    return made


@torch.no_grad()
def forward(
    model: WanModel, adapter: AudioAdapter, frames: int = 3, text: int = 9, voice: int | None = 20
) -> Tensor:
    """The velocity of a window of so many latent frames, text tokens and voice tokens; None: without a voice."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, WAN.in_dim, frames, 6, 8, generator=generator)
    context = torch.randn(1, text, WAN.text_dim, generator=generator)
    layers = None
    if voice is not None:
        tokens = torch.randn(1, voice, VOICE.width, generator=generator)
        tokens = tokens.to(adapter.audio_proj.fc1.weight.dtype)
        heard = adapter.prepare(tokens, torch.arange(voice).double(), 7 * torch.arange(frames).double())
        layers = partial(adapter.apply, context=heard)
    return model(x, torch.tensor([500.0]), context, None, 512 - text, layers)
