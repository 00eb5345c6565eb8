"""Training the demo's causal VAE on drawn faces."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKLWan
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from .curves import MouthCurves
from .faces import DrawnFace, Identity, Motion, draw_face
from .loop import Losses, Run, Stage
from .whole_sequence import decode_whole, encode_whole

KL_WEIGHT = 1e-5
SQUARED_WEIGHT = 4.0
STATISTICS_CLIPS = 48


@dataclass(frozen=True)
class AutoencoderConfig:
    """size: pixels a side; width: channels of the first level (the host reads one width for encoder and decoder)."""

    size: int
    width: int
    fps: float
    seed: int
    stages: Sequence[Stage]
    decoder_only: Sequence[str] = ()  # stages that leave the encoder alone


def train_autoencoder(config: AutoencoderConfig, folder: Path) -> AutoencoderKLWan:
    """Train, resume where `folder` left off, and return the VAE with Wan's latent statistics."""
    torch.manual_seed(config.seed)
    vae = AutoencoderKLWan(base_dim=config.width)
    start_as_image_autoencoder(vae)
    run = Run(folder, vae, Accelerator(cpu=True), config.seed)
    for stage in config.stages:
        frozen = stage.name in config.decoder_only
        parts = [vae.decoder, vae.post_quant_conv] if frozen else [vae]
        trainable = [p for part in parts for p in part.parameters()]
        run.stage(stage, trainable, lambda model, g, s=stage, z=frozen: _step(model, config, s, g, z))
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
    vae: AutoencoderKLWan, config: AutoencoderConfig, stage: Stage, generator: torch.Generator, frozen: bool
) -> Losses:
    video, weight = _batch(config, stage, generator)
    with torch.set_grad_enabled(not frozen):
        mean, log_variance = encode_whole(vae, video)
    log_variance = log_variance.clamp(-12, 4)
    noise = torch.randn(mean.shape, generator=generator)
    error = decode_whole(vae, mean + noise * (0.5 * log_variance).exp()) - video
    absolute, squared = (weight * error.abs()).mean(), (weight * error.square()).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    loss = absolute + SQUARED_WEIGHT * squared + (0 if frozen else KL_WEIGHT * kl * mean.shape[1])
    return {"loss": loss, "mse": error.square().mean(), "kl": kl}


def _batch(config: AutoencoderConfig, stage: Stage, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    seeds = torch.randint(2**31, (stage.batch,), generator=generator).tolist()
    faces = [_random_clip(seed, stage.frames, config) for seed in seeds]
    video = torch.stack([face.frames for face in faces]).permute(0, 4, 1, 2, 3) * 2 - 1
    return video, torch.stack([detail_weight(face, config.size) for face in faces])[:, None]


def _random_clip(seed: int, frames: int, config: AutoencoderConfig) -> DrawnFace:
    rng = np.random.default_rng(seed)
    lead = rng.integers(0, 8)
    curves = _babble(rng, frames + lead, config.fps)
    motion = Motion.draw(rng, curves, config.fps).slice(lead, frames)
    return draw_face(Identity.draw(random.Random(seed)), motion, curves.slice(lead, frames), config.size)


def _babble(rng: np.random.Generator, frames: int, fps: float) -> MouthCurves:
    """Mouth curves with the tempo of speech and no voice behind them."""
    noise = [gaussian_filter1d(rng.standard_normal(frames + 60), s * fps)[30:-30] for s in (0.06, 0.08)]
    opening, width = (n / (n.std() + 0.2) * 0.4 + rng.uniform(0.2, 0.6) for n in noise)
    return MouthCurves(*(c.clip(0, 1).astype(np.float32) for c in (opening, width)))


def detail_weight(face: DrawnFace, size: int) -> Tensor:
    """Loss weight per pixel [f h w]: the mouth and the eyes count four times."""
    axis = torch.arange(size) + 0.5
    weight = torch.ones(face.frames.shape[:3])
    for points, reach in (
        (face.landmarks[:, 48:60], 1.3),
        (face.landmarks[:, 36:42], 1.8),
        (face.landmarks[:, 42:48], 1.8),
    ):
        centre, half = points.mean(1), (points.amax(1) - points.amin(1)) / 2 * reach + 2
        x = ((axis - centre[:, :1]) / half[:, :1]).square()[:, None, :]
        y = ((axis - centre[:, 1:]) / half[:, 1:]).square()[:, :, None]
        weight = torch.maximum(weight, 1 + 3 * torch.exp(-((x + y) ** 2)))
    return weight


@torch.no_grad()
def normalise_latents(vae: AutoencoderKLWan, config: AutoencoderConfig) -> AutoencoderKLWan:
    """Fold a per-channel affine map into the 1x1 convolutions so that latents have Wan's means and deviations.

    Every Wan tool normalises latents with constants of its own; with them folded in, ours come out at mean 0 and
    deviation 1 there too.
    """
    stage = Stage("statistics", 1, 1, 0.0, frames=33)
    generator = torch.Generator().manual_seed(config.seed + 1)
    latents = torch.cat(
        [encode_whole(vae, _batch(config, stage, generator)[0])[0] for _ in range(STATISTICS_CLIPS)]
    )
    mean, deviation = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    scale = torch.tensor(vae.config.latents_std) / deviation
    shift = torch.tensor(vae.config.latents_mean) - mean * scale
    channels = len(scale)
    vae.quant_conv.weight[:channels] *= scale.view(-1, 1, 1, 1, 1)
    vae.quant_conv.bias[:channels] = vae.quant_conv.bias[:channels] * scale + shift
    vae.quant_conv.bias[channels:] += 2 * scale.log()
    weight = vae.post_quant_conv.weight.flatten(1)
    vae.post_quant_conv.bias -= weight @ (shift / scale)
    vae.post_quant_conv.weight /= scale.view(1, -1, 1, 1, 1)
    return vae
