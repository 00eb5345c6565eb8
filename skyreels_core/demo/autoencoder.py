"""Training the demo's causal VAE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor

from ..files import atomic
from ..model.compiling import can_compile
from ..model.vae import load_vae, save_vae
from ..timeline import SPATIAL
from ..training.loop import AS_STATED, STATE, Budget, Losses, Run, Stage
from . import principal
from .material import Footage, Material
from .whole_sequence import compile_activations, decode_whole, encode_whole, flatten_outer_level
from .widening import widen

KL_WEIGHT = 1e-5
SQUARED_WEIGHT = 4.0
STATISTICS_CLIPS = 48
PRINCIPAL_CLIPS, FITTED_CLIPS = 96, 8
PRINCIPAL_MOUTH = 5.0  # how much more the mouth counts in the components


@dataclass(frozen=True)
class AutoencoderStage(Stage):
    """A leg of the VAE's training."""

    crop: int = 0  # every other step sees squares of so many pixels around the mouth, where time matters most
    mouth: float = 3.0  # how much more the mouth's pixels count than the others
    decoder_only: bool = False
    sizes: Sequence[
        Sequence[int]
    ] = ()  # heights and widths, one of them drawn each step; the material's own if none


@dataclass(frozen=True)
class AutoencoderConfig:
    """width: channels of the first level (the host reads one width for encoder and decoder); start: the file of a VAE
    to go on from, as wide or narrower. principal: the encoder is made of principal components, unless that of `start`
    is already, and `start` gives its decoder; the stages then train the decoder only."""

    material: Material
    width: int
    seed: int
    stages: Sequence[AutoencoderStage]
    start: str | None = None
    principal: bool = False
    flat_outer_level: bool = False  # full resolution sees single frames: two thirds of a clip's time
    compile: bool = False  # what is between the convolutions, where torch.compile can be used

    def __post_init__(self) -> None:
        if self.principal and self.width < principal.LEAST_WIDTH:
            raise ValueError(
                f"`principal` needs a VAE of width {principal.LEAST_WIDTH} or more; {self.width} is given"
            )
        if self.principal and not all(stage.decoder_only for stage in self.stages):
            raise ValueError("with `principal` each stage has `decoder_only: true`: the encoder is ready")


def train_autoencoder(
    config: AutoencoderConfig,
    folder: Path,
    accelerator: Accelerator | None = None,
    budget: Budget = AS_STATED,
    saved: Callable[[], None] | None = None,
) -> AutoencoderKLWan:
    """Train, resume where `folder` left off, and return the VAE with Wan's latent statistics.

    At each checkpoint `folder`/vae.safetensors is what there is so far, of other statistics; then `saved` is called.
    """
    torch.manual_seed(config.seed)
    goes_on = _goes_on(config)
    vae = _start(config, resumed=(folder / STATE).exists())

    def write(weights: Mapping[str, Tensor]) -> None:
        sketch = AutoencoderKLWan(base_dim=config.width)
        sketch.load_state_dict(weights)
        with atomic(folder / "vae.safetensors") as part:
            save_vae(part, sketch)
        if saved is not None:
            saved()

    place = accelerator or Accelerator(cpu=True)
    run = Run(folder, vae, place, config.seed, budget=budget, saved=write)
    for stage in config.stages:
        parts = [vae.decoder, vae.post_quant_conv] if stage.decoder_only else [vae]
        trainable = [p for part in parts for p in part.parameters()]
        run.stage(
            stage, trainable, lambda model, generator, s=stage: _step(cast(Any, model), config, s, generator)
        )
    run.use_average()
    return vae if goes_on else normalise_latents(vae, config)


def _goes_on(config: AutoencoderConfig) -> bool:
    """Whether the encoder stays that of the VAE that this one starts from, whose latents something may know already."""
    if not config.principal or config.start is None:
        return False
    known = load_vae(config.start).network
    return known.config["base_dim"] == config.width and principal.is_made_of_components(known)


def _start(config: AutoencoderConfig, resumed: bool = False) -> AutoencoderKLWan:
    vae = AutoencoderKLWan(base_dim=config.width)
    if config.start is None:
        start_as_image_autoencoder(vae)
    else:
        widen(load_vae(config.start).network, vae)
    if config.principal and not resumed and not _goes_on(config):  # resumed, the checkpoint has it
        vae = _principal(config, vae)
    if config.flat_outer_level:
        flatten_outer_level(vae)
    if config.compile and can_compile(vae.device):
        compile_activations(vae)
    return vae


def _principal(config: AutoencoderConfig, learned: AutoencoderKLWan) -> AutoencoderKLWan:
    vae = AutoencoderKLWan(base_dim=config.width)
    generator = torch.Generator().manual_seed(config.seed)
    seeds = torch.randint(2**31, (PRINCIPAL_CLIPS,), generator=generator).tolist()
    clips = config.material.clips(seeds, principal.FRAMES, PRINCIPAL_MOUTH)
    principal.start_with_principal_components(vae, clips)
    principal.adopt_decoder(vae, learned, clips[:FITTED_CLIPS])
    return vae


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
    video, weight = (part.to(vae.device) for part in _batch(config, stage, generator))
    with torch.set_grad_enabled(not stage.decoder_only):
        mean, log_variance = (part.float() for part in encode_whole(vae, video))
    log_variance = log_variance.clamp(-12, 4)
    noise = torch.randn(mean.shape, generator=generator).to(mean.device)
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
    count = stage.batch * (config.material.size // stage.crop) ** 2 if cropped else stage.batch
    seeds = torch.randint(2**31, (count,), generator=generator).tolist()
    size = None
    if stage.sizes:
        height, width = stage.sizes[int(torch.randint(len(stage.sizes), (), generator=generator))]
        size = height, width
    clips = config.material.clips(seeds, stage.frames, stage.mouth, size)
    pairs = [(clip.frames, clip.weight[..., None]) for clip in clips]
    if cropped:
        places = [_mouth_square(clip, stage.crop) for clip in clips]
        pairs = [tuple(part[:, y, x] for part in pair) for pair, (y, x) in zip(pairs, places, strict=True)]
    video, weight = (torch.stack(parts).permute(0, 4, 1, 2, 3) for parts in zip(*pairs, strict=True))
    return video * 2 - 1, weight


def _mouth_square(clip: Footage, side: int) -> tuple[slice, slice]:
    """Rows and columns of a square around the first mouth, on the VAE's grid."""
    height, width = clip.frames.shape[1:3]
    corner, most = clip.mouth - side / 2, torch.tensor([width - side, height - side])
    x, y = corner.clamp(torch.zeros(2), most).int().tolist()
    x, y = x - x % SPATIAL, y - y % SPATIAL
    return slice(y, y + side), slice(x, x + side)


@torch.no_grad()
def normalise_latents(vae: AutoencoderKLWan, config: AutoencoderConfig) -> AutoencoderKLWan:
    """Fold a per-channel affine map into the 1x1 convolutions so that latents have Wan's means and deviations.

    Every Wan tool normalises latents with constants of its own; with them folded in, ours come out at mean 0 and
    deviation 1 there too.
    """
    stage = AutoencoderStage("statistics", 1, 1, 0.0, frames=33)
    generator = torch.Generator().manual_seed(config.seed + 1)
    batches = (_batch(config, stage, generator)[0].to(vae.device) for _ in range(STATISTICS_CLIPS))
    latents = torch.cat([encode_whole(vae, video)[0] for video in batches])
    mean, deviation = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    scale = torch.tensor(vae.config["latents_std"], device=vae.device) / deviation
    shift = torch.tensor(vae.config["latents_mean"], device=vae.device) - mean * scale
    channels, bias, bias_after = len(scale), vae.quant_conv.bias, vae.post_quant_conv.bias
    assert bias is not None and bias_after is not None  # each of Wan's convolutions has one
    vae.quant_conv.weight[:channels] *= scale.view(-1, 1, 1, 1, 1)
    bias[:channels] = bias[:channels] * scale + shift
    bias[channels:] += 2 * scale.log()
    weight = vae.post_quant_conv.weight.flatten(1)
    bias_after -= weight @ (shift / scale)
    vae.post_quant_conv.weight /= scale.view(1, -1, 1, 1, 1)
    return vae
