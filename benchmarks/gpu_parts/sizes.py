"""Sizes of what is measured, random networks in them, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import AudioLayers, WanModel
from skyreels_core.model.config import CLIP_WIDTH, CONFIGS, AudioConfig, WanConfig
from skyreels_core.model.fp8 import Fp8Linear, block_layers, use_fp8

BEGUN = 2**22  # random numbers that are repeated where the CPU would draw billions
VOICE_TOKENS = 170
REPEATS = 3


@dataclass(frozen=True)
class Sizes:
    config: WanConfig
    latent: tuple[int, int, int]  # latent frames, rows and columns of a window
    vae_width: int
    device: torch.device
    dtype: torch.dtype

    @property
    def voice(self) -> AudioConfig:
        return AudioConfig(
            64, self.config.dim, self.config.num_heads, self.config.num_layers, self.config.eps, True
        )


# A text encoder and a speech encoder of the demo's widths stand for the real ones, which run once.
REAL = Sizes(
    replace(CONFIGS["i2v-14b"], text_dim=64), (21, 60, 104), 96, torch.device("cuda"), torch.bfloat16
)
TOY = Sizes(
    replace(CONFIGS["i2v-14b"], text_dim=64, dim=48, num_heads=2, ffn_dim=64, num_layers=2),
    (3, 6, 8), 4, torch.device("cpu"), torch.float32,
)  # fmt: skip


def network(
    kind: Callable[[], nn.Module], device: torch.device, dtype: torch.dtype, fp8: bool = False
) -> nn.Module:
    """With random weights; none is read and few are drawn."""
    with torch.device("meta"):
        made = kind().to(dtype).requires_grad_(False)
        if fp8:
            use_fp8(made, block_layers(made))
    made = made.to_empty(device=device)
    begun = torch.randn(BEGUN, generator=torch.Generator().manual_seed(0)).to(device)
    packed = {f"{name}.weight" for name, layer in made.named_modules() if isinstance(layer, Fp8Linear)}
    for name, weight in made.named_parameters():
        size = 1.0 if name in packed else 0.02 if weight.ndim == 1 else weight[0].numel() ** -0.5
        if name.removesuffix("scale") + "weight" in packed and name.endswith("scale"):
            weight.fill_(made.get_parameter(name.removesuffix("scale") + "weight").shape[1] ** -0.5)
        else:
            fill(weight, begun * size)
    return made


@torch.no_grad()
def fill(weight: Tensor, numbers: Tensor) -> None:
    for piece in weight.view(-1).split(len(numbers)):
        piece.copy_(numbers[: len(piece)])


def backbone(sizes: Sizes, device: torch.device | None = None, fp8: bool = False) -> WanModel:
    made = network(lambda: WanModel(sizes.config), device or sizes.device, sizes.dtype, fp8)
    assert isinstance(made, WanModel)
    return made


def audio_layers(sizes: Sizes, fp8: bool = False) -> AudioAdapter:
    made = network(lambda: AudioAdapter(sizes.voice), sizes.device, sizes.dtype, fp8)
    assert isinstance(made, AudioAdapter)
    return made


def inputs(sizes: Sizes) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noise with its condition, timestep, text and CLIP tokens of a window."""
    shape = 1, sizes.config.in_dim, *sizes.latent
    drawn = (torch.randn(*s, device=sizes.device) for s in (shape, (1, 512, 64), (1, 257, CLIP_WIDTH)))
    x, text, picture = drawn
    return x, torch.full((1,), 500.0, device=sizes.device), text, picture


def spoken(sizes: Sizes, adapter: AudioAdapter) -> AudioLayers:
    tokens = torch.randn(1, VOICE_TOKENS, sizes.voice.width, device=sizes.device, dtype=sizes.dtype)
    frames = 8 * torch.arange(sizes.latent[0]).double()
    return partial(
        adapter.apply, context=adapter.prepare(tokens, torch.arange(VOICE_TOKENS).double(), frames)
    )


@torch.no_grad()
def seconds(compute: Callable[[], object], sizes: Sizes, repeats: int = REPEATS) -> float:
    """The median, after one call that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        compute()
        finish(sizes)
        times.append(time.perf_counter() - started)
    return median(times[1:])


def finish(sizes: Sizes) -> None:
    if sizes.device.type == "cuda":
        torch.cuda.synchronize()


def peak_gib(sizes: Sizes) -> float | None:
    """Of the GPU's memory, so far; None on a CPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if sizes.device.type == "cuda" else None
