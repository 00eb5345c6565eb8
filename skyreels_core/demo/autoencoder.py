"""Training the demo's causal VAE on drawn faces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ..timeline import SPATIAL
from ..training.loop import Losses, Run, Stage
from .curves import MouthCurves
from .faces import DrawnFace, Identity, Motion, draw_face
from .whole_sequence import decode_whole, encode_whole

KL_WEIGHT = 1e-5
SQUARED_WEIGHT = 4.0
STATISTICS_CLIPS = 48


@dataclass(frozen=True)
class AutoencoderStage(Stage):
    """A leg of the VAE's training."""

    crop: int = 0  # every other step sees squares of so many pixels around the mouth, where time matters most
    mouth: float = 3.0  # how much more the mouth's pixels count than the others
    decoder_only: bool = False


@dataclass(frozen=True)
class AutoencoderConfig:
    """size: pixels a side; width: channels of the first level (the host reads one width for encoder and decoder)."""

    size: int
    width: int
    fps: float
    seed: int
    stages: Sequence[AutoencoderStage]


def train_autoencoder(config: AutoencoderConfig, folder: Path) -> AutoencoderKLWan:
    """Train, resume where `folder` left off, and return the VAE with Wan's latent statistics."""
    torch.manual_seed(config.seed)
    vae = AutoencoderKLWan(base_dim=config.width)
    start_as_image_autoencoder(vae)
    run = Run(folder, vae, Accelerator(cpu=True), config.seed)
    for stage in config.stages:
        parts = [vae.decoder, vae.post_quant_conv] if stage.decoder_only else [vae]
        trainable = [p for part in parts for p in part.parameters()]
        run.stage(
            stage, trainable, lambda model, generator, s=stage: _step(cast(Any, model), config, s, generator)
        )
    run.use_average()
    return normalise_latents(vae, config)


@torch.no_grad()
def start_as_image_autoencoder(vae: AutoencoderKLWan) -> None:
    """Let every frame see itself only, and a latent the last of its four frames; time is then learned from there."""
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d) and module.kernel_size[0] == 3:
            module.weight[:, :, :-1] = 0
    for module in vae.modules():
        if (convolution := getattr(module, "time_conv", None)) is not None:
            convolution.bias.zero_()
            copies = convolution.out_channels // convolution.in_channels
            identity = torch.eye(convolution.in_channels).repeat(copies, 1)
            convolution.weight[:, :, -1, 0, 0] = identity


def _step(
    vae: AutoencoderKLWan, config: AutoencoderConfig, stage: AutoencoderStage, generator: torch.Generator
) -> Losses:
    video, weight = _batch(config, stage, generator)
    with torch.set_grad_enabled(not stage.decoder_only):
        mean, log_variance = encode_whole(vae, video)
    log_variance = log_variance.clamp(-12, 4)
    noise = torch.randn(mean.shape, generator=generator)
    error = decode_whole(vae, mean + noise * (0.5 * log_variance).exp()) - video
    absolute, squared = (weight * error.abs()).mean(), (weight * error.square()).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    loss = absolute + SQUARED_WEIGHT * squared + (0 if stage.decoder_only else KL_WEIGHT * kl * mean.shape[1])
    return {"loss": loss, "mse": error.square().mean(), "kl": kl}


def _batch(
    config: AutoencoderConfig, stage: AutoencoderStage, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Video [b 3 f h w] in -1..1 and the weight of its pixels [b 1 f h w]."""
    cropped = stage.crop and torch.rand((), generator=generator) < 0.5
    count = stage.batch * (config.size // stage.crop) ** 2 if cropped else stage.batch
    seeds = torch.randint(2**31, (count,), generator=generator).tolist()
    faces = [_random_clip(seed, stage.frames, config) for seed in seeds]
    pairs = [(face.frames, detail_weight(face, config.size, stage.mouth)[..., None]) for face in faces]
    if cropped:
        places = [_mouth_square(face, config.size, stage.crop) for face in faces]
        pairs = [tuple(part[:, y, x] for part in pair) for pair, (y, x) in zip(pairs, places, strict=True)]
    video, weight = (torch.stack(parts).permute(0, 4, 1, 2, 3) for parts in zip(*pairs, strict=True))
    return video * 2 - 1, weight


def _mouth_square(face: DrawnFace, size: int, side: int) -> tuple[slice, slice]:
    """Rows and columns of a square around the first mouth, on the VAE's grid."""
    x, y = (face.landmarks[0, 48:60].mean(0) - side / 2).clamp(0, size - side).int().tolist()
    x, y = x - x % SPATIAL, y - y % SPATIAL
    return slice(y, y + side), slice(x, x + side)


def _random_clip(seed: int, frames: int, config: AutoencoderConfig) -> DrawnFace:
    rng = np.random.default_rng(seed)
    lead = int(rng.integers(0, 8))
    curves = _babble(rng, frames + lead, config.fps)
    motion = Motion.draw(rng, curves, config.fps).slice(lead, frames)
    return draw_face(Identity.draw(random.Random(seed)), motion, curves.slice(lead, frames), config.size)


def _babble(rng: np.random.Generator, frames: int, fps: float) -> MouthCurves:
    """Mouth curves with the tempo of speech and no voice behind them."""
    noise = [
        gaussian_filter1d(rng.standard_normal(frames + 60), s * fps)[30:-30]
        for s in rng.uniform(0.05, 0.09, 2)
    ]
    opening, width = (n / (n.std() + 0.2) * 0.4 + rng.uniform(0.2, 0.6) for n in noise)
    return MouthCurves(*(c.clip(0, 1).astype(np.float32) for c in (opening, width)))


def detail_weight(face: DrawnFace, size: int, mouth: float) -> Tensor:
    """Loss weight per pixel [f h w]: 1, `mouth` more around the mouth and 3 more around the eyes."""
    axis = torch.arange(size) + 0.5
    weight = torch.ones(face.frames.shape[:3])
    for points, reach, extra in (
        (face.landmarks[:, 48:60], 1.3, mouth),
        (face.landmarks[:, 36:42], 1.8, 3.0),
        (face.landmarks[:, 42:48], 1.8, 3.0),
    ):
        centre, half = points.mean(1), (points.amax(1) - points.amin(1)) / 2 * reach + 2
        x = ((axis - centre[:, :1]) / half[:, :1]).square()[:, None, :]
        y = ((axis - centre[:, 1:]) / half[:, 1:]).square()[:, :, None]
        weight = torch.maximum(weight, 1 + extra * torch.exp(-((x + y) ** 2)))
    return weight


@torch.no_grad()
def normalise_latents(vae: AutoencoderKLWan, config: AutoencoderConfig) -> AutoencoderKLWan:
    """Fold a per-channel affine map into the 1x1 convolutions so that latents have Wan's means and deviations.

    Every Wan tool normalises latents with constants of its own; with them folded in, ours come out at mean 0 and
    deviation 1 there too.
    """
    stage = AutoencoderStage("statistics", 1, 1, 0.0, frames=33)
    generator = torch.Generator().manual_seed(config.seed + 1)
    latents = torch.cat(
        [encode_whole(vae, _batch(config, stage, generator)[0])[0] for _ in range(STATISTICS_CLIPS)]
    )
    mean, deviation = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    scale = torch.tensor(vae.config["latents_std"]) / deviation
    shift = torch.tensor(vae.config["latents_mean"]) - mean * scale
    channels, bias, bias_after = len(scale), vae.quant_conv.bias, vae.post_quant_conv.bias
    assert bias is not None and bias_after is not None  # each of Wan's convolutions has one
    vae.quant_conv.weight[:channels] *= scale.view(-1, 1, 1, 1, 1)
    bias[:channels] = bias[:channels] * scale + shift
    bias[channels:] += 2 * scale.log()
    weight = vae.post_quant_conv.weight.flatten(1)
    bias_after -= weight @ (shift / scale)
    vae.post_quant_conv.weight /= scale.view(1, -1, 1, 1, 1)
    return vae
