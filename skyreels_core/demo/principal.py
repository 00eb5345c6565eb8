"""An encoder of Wan's structure made of principal components: a linear code of what is seen and of what moves.

Trained from scratch, a small VAE spends most of its time on finding a code that linear algebra gives at once: on a CPU,
hours of training kept less of a picture than 16 principal components of its 8x8 pixels do. The components are written
into Wan's layers, so that the file is a Wan VAE like any other. The decoder is learned as always.

Level by level, squares of 2x2 places become channels, of which the largest components stay. Where Wan halves the frame
rate, a pair of frames becomes its mean and half its difference. The last MOTION channels of a latent hold differences
alone, and are 0 for a first frame, which is alone in its latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
from torch import Tensor, nn

from ..model.config import LATENT_CHANNELS
from .material import Footage
from .whole_sequence import encode_whole

MOTION = 5  # channels of a latent
STILL = LATENT_CHANNELS - MOTION
CONSTANT = 64.0  # a channel so much larger than the others that a norm over channels divides by a constant
LOG_VARIANCE = -5.0  # of latents whose variance is 1: noise that the decoder learns to bear
CARRIED = 0.1  # deviation of what is only passed on, so that the norm does not see it
FRAMES = 17
SMALLEST = 1e-6  # variance that counts, in the largest
LEAST_WIDTH = 12  # of a VAE: its inner level has channels for all of a latent, twice
# Of Wan's down_blocks, those that halve the sides; the last two halve the frames too.
OUTER, MIDDLE, INNER = 2, 5, 8
Part = Any


@dataclass(frozen=True)
class Features:
    """Of frames that follow one another: values [n f c h w], and how much each place counts [n f h w]."""

    values: Tensor
    weight: Tensor

    @classmethod
    def of(cls, clips: Sequence[Footage]) -> Features:
        """Those of all frames but the first, which is coded as if nothing moved."""
        video = torch.stack([clip.frames[1:] for clip in clips]).movedim(-1, 2) * 2 - 1
        return cls(video, torch.stack([clip.weight[1:] for clip in clips]))

    def squares(self) -> Features:
        """The 2x2 places of each square as channels, place by place: [n f 4c h/2 w/2]."""
        places = F.pixel_unshuffle(self.values.flatten(0, 1), 2).unflatten(1, (-1, 4))
        channels = places.transpose(1, 2).flatten(1, 2).unflatten(0, self.values.shape[:2])
        return Features(channels, F.avg_pool2d(self.weight, 2))

    def pairs(self) -> Features:
        """Of frames 0 and 1, 2 and 3, ...: the channels of the earlier, then those of the later [n f/2 2c h w]."""
        return Features(torch.cat([self.values[:, 0::2], self.values[:, 1::2]], dim=2), self.weight[:, 1::2])

    def through(self, matrix: Tensor) -> Features:
        """Channels mixed by [k c]."""
        return Features(torch.einsum("kc,nfchw->nfkhw", matrix, self.values), self.weight)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean [c] and covariance [c c] over places."""
        rows, weight = self.values.movedim(2, -1).flatten(0, -2).double(), self.weight.flatten().double()
        weight = weight / weight.sum()
        mean = weight @ rows
        return mean, (rows * weight[:, None]).T @ rows - mean[:, None] * mean


def deviations(variances: Tensor) -> Tensor:
    """Their roots, none of them so small that noise would be made large: what does not vary has a component too."""
    largest = max([SMALLEST, *variances.tolist()])
    return variances.clamp_min(SMALLEST * largest).sqrt()


def components(covariance: Tensor, channels: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The principal components [k c] of some of c channels, largest first, and their variances [k]."""
    chosen = torch.tensor(channels, dtype=torch.long)
    variances, vectors = torch.linalg.eigh(covariance[chosen][:, chosen])
    rows = torch.zeros(len(chosen), len(covariance), dtype=covariance.dtype)
    rows[:, chosen] = vectors.T
    return rows.flip(0).float(), variances.flip(0).float()


@torch.no_grad()
def start_with_principal_components(vae: AutoencoderKLWan, clips: Sequence[Footage]) -> None:
    """Write the components of clips, of FRAMES frames and one size, into the encoder."""
    encoder = cast(Part, vae.encoder)
    _pass_everything_on(encoder)
    features = Features.of(clips)
    features = _outer(encoder.down_blocks[OUTER], features)
    features, still = _middle(encoder.down_blocks[MIDDLE], features)
    _inner(encoder.down_blocks[INNER], features, still)
    _read_out(vae)


def is_made_of_components(vae: AutoencoderKLWan) -> bool:
    """Whether its encoder is one of these: what learned its latents can go on with it."""
    blocks = [module for module in vae.encoder.modules() if hasattr(module, "conv_shortcut")]
    return not any(bool(block.conv2.weight.any()) for block in cast(Part, blocks))


def _pass_everything_on(encoder: Part) -> None:
    """Residual blocks add nothing, channels keep their numbers, and the first layer shows the picture."""
    for block in (module for module in encoder.modules() if hasattr(module, "conv_shortcut")):
        _clear(block.conv2)
        if isinstance(block.conv_shortcut, nn.Conv3d):
            _copy(block.conv_shortcut)
    for attention in encoder.mid_block.attentions:
        _clear(attention.proj)
    _copy(encoder.conv_in)


def _outer(layer: Part, features: Features) -> Features:
    squares = features.squares()
    rows, _ = components(squares.statistics()[1], range(squares.values.shape[2]))
    rows = rows[: layer.resample[1].out_channels]
    _halve_sides(layer, rows)
    return squares.through(rows)


def _middle(layer: Part, features: Features) -> tuple[Features, int]:
    """The largest means and differences of pairs, as many as there are channels; how many of them are means."""
    room, squares = layer.resample[1].out_channels, features.squares()
    rows, _ = components(squares.statistics()[1], range(squares.values.shape[2]))
    rows = rows[:room]
    pairs, count = squares.through(rows).pairs(), len(rows)
    mean, difference = (torch.cat([sign * torch.eye(count), torch.eye(count)], dim=1) / 2 for sign in (1, -1))
    variances = torch.cat([pairs.through(part).statistics()[1].diag() for part in (mean, difference)])
    largest = variances.argsort(descending=True)[:room].sort().values
    still, moving = largest[largest < count], largest[largest >= count] - count
    spatial = torch.cat([rows[still], rows[moving]])
    signs = torch.cat([torch.ones(len(still)), -torch.ones(len(moving))])
    in_time = torch.cat([torch.diag(signs), torch.eye(len(spatial))], dim=1) / 2
    _halve_sides(layer, spatial)
    _halve_frames(layer, in_time)
    return squares.through(spatial).pairs().through(in_time), len(still)


def _inner(layer: Part, features: Features, still: int) -> None:
    """Latents z as channels +z, -z, CONSTANT, and what is passed on for the differences."""
    squares = features.squares()
    mean, covariance = squares.statistics()
    channels, width = range(len(mean)), features.values.shape[2]
    seen, variances = components(covariance, [c for c in channels if c % width < still])
    moving, moved = components(covariance, [c for c in channels if c % width >= still])
    kept = torch.zeros(STILL, len(mean))
    kept[: len(seen[:STILL])] = seen[:STILL] / deviations(variances)[:STILL, None]
    spare = layer.time_conv.in_channels - 2 * LATENT_CHANNELS - 1
    carried = moving[: min(spare, len(moving))]
    carried = carried * (CARRIED / deviations(moved)[: len(carried), None])
    rest = seen[STILL : STILL + spare - len(carried)]
    rest = rest * (CARRIED / deviations(variances)[STILL : STILL + len(rest), None])
    none = torch.zeros(MOTION, len(mean))
    latent = torch.cat([kept, none])
    spatial = torch.cat([latent, -latent, torch.zeros(1, len(mean)), carried, rest])
    shift = -(spatial @ mean.float())
    shift[2 * LATENT_CHANNELS] = CONSTANT
    _halve_sides(layer, spatial, shift)

    in_pixels = spatial.norm(dim=1).clamp_min(1e-12).reciprocal()
    motion = _differences(squares.through(spatial).pairs(), in_pixels, len(carried))
    means = torch.cat([torch.eye(len(spatial))[:STILL]] * 2, dim=1) / 2
    latent = torch.cat([means, motion])
    _halve_frames(layer, torch.cat([latent, -latent, torch.zeros(1, 2 * len(spatial))]))
    layer.time_conv.bias[2 * LATENT_CHANNELS] = CONSTANT


def _differences(pairs: Features, in_pixels: Tensor, carried: int) -> Tensor:
    """The MOTION largest components [MOTION 2c] of what changes within a pair, or changed within either of its frames.

    in_pixels [c]: what makes each channel as large as what it was made of.
    """
    first, scale = 2 * LATENT_CHANNELS + 1, torch.diag(in_pixels)
    change, mean = (torch.cat([sign * scale, scale], dim=1) / 2 for sign in (-1, 1))
    read = torch.cat([change[:STILL], change[first:], mean[first : first + carried]])
    _, covariance = pairs.through(read).statistics()
    rows, variances = components(covariance, range(len(read)))
    return (rows[:MOTION] / deviations(variances)[:MOTION, None]) @ read


def _read_out(vae: AutoencoderKLWan) -> None:
    """silu(z) - silu(-z) = z: with both signs at hand, and a norm that divides by a constant, the head is linear."""
    encoder = cast(Part, vae.encoder)
    head, count = encoder.conv_out, LATENT_CHANNELS
    encoder.norm_out.gamma.fill_(CONSTANT / encoder.norm_out.scale)
    _clear(head)
    for channel in range(count):
        head.weight[channel, channel, -1, 1, 1], head.weight[channel, count + channel, -1, 1, 1] = 1, -1
    head.bias[count:] = LOG_VARIANCE
    for convolution in (vae.quant_conv, vae.post_quant_conv):
        _copy(convolution)


def _clear(layer: Part) -> None:
    layer.weight.zero_()
    layer.bias.zero_()


def _copy(layer: Part) -> None:
    """Of the present frame, each channel to that of its number; the others become 0."""
    _clear(layer)
    middle = layer.kernel_size[-1] // 2
    for channel in range(min(layer.in_channels, layer.out_channels)):
        layer.weight[channel, channel, -1, middle, middle] = 1


def _halve_sides(layer: Part, rows: Tensor, shift: Tensor | None = None) -> None:
    """rows [k 4c] over the channels of `Features.squares`."""
    convolution = layer.resample[1]
    _clear(convolution)
    square = rows.unflatten(1, (2, 2, -1)).movedim(-1, 1)
    convolution.weight[: len(rows), : square.shape[1], :2, :2] = square
    if shift is not None:
        convolution.bias[: len(rows)] = shift


def _halve_frames(layer: Part, rows: Tensor) -> None:
    """rows [k 2c] over the channels of `Features.pairs`."""
    _clear(layer.time_conv)
    pair = rows.unflatten(1, (2, -1)).transpose(1, 2)
    layer.time_conv.weight[: len(rows), : pair.shape[1], 1:, 0, 0] = pair


@torch.no_grad()
def adopt_decoder(vae: AutoencoderKLWan, other: AutoencoderKLWan, clips: Sequence[Footage]) -> None:
    """Go on with the decoder of another VAE as wide: its first layer is fitted to the new latents by least squares."""
    vae.decoder.load_state_dict(other.decoder.state_dict())
    first = cast(Part, vae.decoder).conv_in
    places = first.weight[0].numel() + 1
    gram = torch.zeros(places, places, dtype=torch.double)
    right = torch.zeros(places, first.out_channels, dtype=torch.double)
    for clip in clips:
        video = clip.frames.movedim(-1, 0)[None] * 2 - 1
        known = _surroundings(encode_whole(vae, video)[0]).double()
        wanted = other.decoder.conv_in(other.post_quant_conv(encode_whole(other, video)[0]))
        wanted = wanted[0].flatten(1).T.double()
        gram, right = gram + known.T @ known, right + known.T @ wanted
    solution = torch.linalg.solve(gram + 1e-4 * gram.diag().mean() * torch.eye(len(gram)), right).float()
    first.weight.copy_(solution[:-1].T.unflatten(1, first.weight.shape[1:]))
    first.bias.copy_(solution[-1])


def _surroundings(latents: Tensor) -> Tensor:
    """What a causal convolution of 3 x 3 x 3 sees at each place of latents [1 16 t h w], and 1: [t h w, 16*27 + 1]."""
    seen = F.pad(latents[0], (1, 1, 1, 1, 2, 0)).unfold(1, 3, 1).unfold(2, 3, 1).unfold(3, 3, 1)
    rows = seen.permute(1, 2, 3, 0, 4, 5, 6).flatten(0, 2).flatten(1)
    return torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
