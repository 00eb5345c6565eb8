"""diffusers' causal Wan VAE evaluated on all frames at once, for training on a CPU.

The library walks through a clip in chunks of four frames with a feature cache. The same function of the same weights,
written for whole clips with time folded into the batch and the three temporal taps of a convolution side by side as
input channels, takes a third of the time.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan, WanRMS_norm
from torch import Tensor, nn

from ..model.vae import VideoVAE

FLAT = "sees_one_frame"  # of a convolution
COMPILED = "compiled"  # of a norm: it and its activation
RESIDUALS = 2  # blocks of each level of Wan's encoder
Part = Any  # of diffusers' network: torch types what a module holds as a tensor or a module


class WholeSequenceVAE(VideoVAE):
    """A VAE that encodes small clips in one go."""

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tensor:
        return (encode_whole(self.network, video.to(self.network.device))[0] - self.mean) / self.std


@torch.no_grad()
def flatten_outer_level(vae: AutoencoderKLWan) -> None:
    """Let the convolutions at full resolution, where half of the time goes, see one frame each: their earlier taps
    become zero, are not computed here, and so stay zero."""
    encoder, decoder = cast(Part, vae.encoder), cast(Part, vae.decoder)
    first, last = encoder.down_blocks[:RESIDUALS], decoder.up_blocks[-1]
    for part in (encoder.conv_in, *first, last, decoder.conv_out):
        for module in part.modules():
            if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:
                module.weight[:, :, :-1] = 0
                setattr(module, FLAT, True)


def encode_whole(vae: AutoencoderKLWan, video: Tensor) -> tuple[Tensor, Tensor]:
    """Posterior mean and log variance, each [b 16 t h/8 w/8], of video [b 3 f h w] in -1..1, f = 1 + 4k."""
    b = video.shape[0]
    x = _conv(vae.encoder.conv_in, _fold(video), b)
    for layer in vae.encoder.down_blocks:
        x = _layer(layer, x, b)
    x = _head(vae.encoder, _middle(vae.encoder.mid_block, x, b), b)
    mean, log_variance = _unfold(_conv(vae.quant_conv, x, b), b).chunk(2, dim=1)
    return mean, log_variance


def decode_whole(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Video [b 3 f h w], not clamped, from raw latents [b 16 t h/8 w/8]."""
    b = latents.shape[0]
    x = _conv(vae.decoder.conv_in, _conv(vae.post_quant_conv, _fold(latents), b), b)
    x = _middle(vae.decoder.mid_block, x, b)
    for block in cast(Part, vae.decoder.up_blocks):
        for layer in block.resnets:
            x = _residual(layer, x, b)
        for layer in block.upsamplers or ():
            x = _resample(layer, x, b)
    return _unfold(_head(vae.decoder, x, b), b)


def _fold(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _unfold(x: Tensor, b: int) -> Tensor:
    return x.unflatten(0, (b, -1)).transpose(1, 2)


def _conv(conv: nn.Conv3d, x: Tensor, b: int) -> Tensor:
    taps, pads = conv.kernel_size[0], cast(tuple[int, ...], conv._padding)
    padding = pads[2], pads[0]
    weight = conv.weight
    # Before the first frame there is nothing, and a frame at a time sees nothing before it: only the last tap counts.
    if taps == 1 or x.shape[0] == b or getattr(conv, FLAT, False):
        return F.conv2d(x, weight[:, :, -1], conv.bias, padding=padding)
    frames = F.pad(x.unflatten(0, (b, -1)), (0, 0, 0, 0, 0, 0, taps - 1, 0))
    return _side_by_side(conv, [frames[:, k : k + x.shape[0] // b] for k in range(taps)], padding)


def _side_by_side(conv: nn.Conv3d, frames: list[Tensor], padding=(0, 0)) -> Tensor:
    stacked = torch.cat(frames, dim=2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return F.conv2d(stacked, conv.weight.transpose(1, 2).flatten(1, 2), conv.bias, padding=padding)


def _activated(norm: Part, x: Tensor) -> Tensor:
    return getattr(norm, COMPILED, _norm_and_silu)(x, norm.gamma, norm.scale)


def _norm_and_silu(x: Tensor, gamma: Tensor, scale: float) -> Tensor:
    """In float32. The norm is F.normalize over channels, which takes a slow way through memory on a CPU."""
    wide = x.float()
    inverse = wide.square().sum(1, keepdim=True).clamp_min(1e-24).rsqrt()
    return F.silu(wide * (scale * inverse) * gamma.reshape(1, -1, 1, 1)).to(x.dtype)


def compile_activations(vae: AutoencoderKLWan) -> None:
    """Let norms and their activations, where half of a decoder's step goes, be single passes through memory."""
    compiled = torch.compile(_norm_and_silu, dynamic=True)
    for module in vae.modules():
        if isinstance(module, WanRMS_norm):
            setattr(module, COMPILED, compiled)


def _residual(block: Part, x: Tensor, b: int) -> Tensor:
    shortcut = x if isinstance(block.conv_shortcut, nn.Identity) else _conv(block.conv_shortcut, x, b)
    if _adds_nothing(block.conv2):
        return shortcut
    x = _conv(block.conv1, _activated(block.norm1, x), b)
    return _conv(block.conv2, _activated(block.norm2, x), b) + shortcut


def _adds_nothing(last: Part) -> bool:
    """Whether a branch ends in a layer of zeros that does not learn, as those of an encoder of principal components."""
    return not torch.is_grad_enabled() and not bool(last.weight.any()) and not bool(last.bias.any())


def _middle(block: Part, x: Tensor, b: int) -> Tensor:
    x = _residual(block.resnets[0], x, b)
    for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
        if not _adds_nothing(attention.proj):
            x = _fold(attention(_unfold(x, b)))
        x = _residual(residual, x, b)
    return x


def _head(coder: Part, x: Tensor, b: int) -> Tensor:
    return _conv(coder.conv_out, _activated(coder.norm_out, x), b)


def _layer(layer: Part, x: Tensor, b: int) -> Tensor:
    return _resample(layer, x, b) if hasattr(layer, "resample") else _residual(layer, x, b)


def _resample(layer: Part, x: Tensor, b: int) -> Tensor:
    if layer.mode == "upsample3d" and x.shape[0] > b:
        x = _double_frames(layer.time_conv, x, b)
    x = layer.resample(x)
    if layer.mode == "downsample3d" and x.shape[0] > b:
        x = _halve_frames(layer.time_conv, x, b)
    return x


def _double_frames(conv: nn.Conv3d, x: Tensor, b: int) -> Tensor:
    x = x.unflatten(0, (b, -1))
    first, rest = x[:, :1], x[:, 1:]
    pairs = _conv(conv, rest.flatten(0, 1), b).unflatten(1, (2, -1)).unflatten(0, (b, -1))
    return torch.cat([first, pairs.flatten(1, 2)], dim=1).flatten(0, 1)


def _halve_frames(conv: nn.Conv3d, x: Tensor, b: int) -> Tensor:
    x = x.unflatten(0, (b, -1))
    halved = _side_by_side(conv, [x[:, 0:-2:2], x[:, 1:-1:2], x[:, 2::2]]).unflatten(0, (b, -1))
    return torch.cat([x[:, :1], halved], dim=1).flatten(0, 1)
