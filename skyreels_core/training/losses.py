"""The training objective: flow matching with region weights, the lip loss, dropouts and timesteps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model.vae import VideoVAE

ALL = slice(None)


@dataclass(frozen=True)
class Objective:
    """Weights and probabilities of the method (arXiv 2506.00830, section 3; our choices where it is silent)."""

    given_weight: float = 1.0  # w1 of Eq. 2, where pixels are given
    generated_weight: float = 2.0  # w2 of Eq. 2, where they are not
    lip_probability: float = 0.2  # p_mask: share of samples whose loss counts inside the lips only
    lip_weight: float = 0.0  # extra weight of the lips in every other sample
    drop_reference: float = 0.15
    drop_audio: float = 0.15
    drop_text: float = 0.15
    drop_both: float = 0.10  # audio and text together, beyond chance: the null branch keeps the picture
    mismatch: float = 0.0  # share of samples that get the voice of another clip
    channel_weights: Sequence[float] = ()  # of a latent's channels; all alike by default
    density: str = "logit-normal"  # of the timesteps, or "uniform"
    shift: float = 5.0  # applied to the timesteps


@dataclass(frozen=True)
class Dropped:
    """Which samples of a batch lose what, bool [b] each."""

    reference: Tensor
    audio: Tensor
    text: Tensor


def draw_drops(batch: int, objective: Objective, generator: torch.Generator) -> Dropped:
    """Reference, audio and text fall out independently; audio and text also together."""
    reference, audio, text, both = torch.rand(4, batch, generator=generator)
    both = both < objective.drop_both
    return Dropped(
        reference < objective.drop_reference,
        (audio < objective.drop_audio) | both,
        (text < objective.drop_text) | both,
    )


@torch.no_grad()
def seen_changes(vae: VideoVAE, latents: Tensor, change: float = 0.5) -> tuple[float, ...]:
    """How much a video changes with each channel of its latents [1 c t h w], t > 1: root mean squares.

    Latents have a deviation of 1 in every channel, whether it carries the picture or what hardly shows.
    """
    shown, changes = vae.decode(latents), []
    for channel in range(latents.shape[1]):
        changed = latents.clone()
        changed[:, channel, 1:] += change  # the first frame alone may have channels that stay unused
        changes.append(float((vae.decode(changed) - shown)[:, :, 1:].square().mean().sqrt()))
    return tuple(changes)


def draw_sigmas(batch: int, objective: Objective, generator: torch.Generator) -> Tensor:
    """Noise levels [b] in (0, 1): one from each of `batch` equal slices of the density, then shifted."""
    slices = (torch.randperm(batch, generator=generator) + torch.rand(batch, generator=generator)) / batch
    slices = slices.clamp(1e-4, 1 - 1e-4)
    sigmas = torch.special.ndtri(slices).sigmoid() if objective.density == "logit-normal" else slices
    return objective.shift * sigmas / (1 + (objective.shift - 1) * sigmas)


def flow_loss(
    predicted: Tensor,
    target: Tensor,
    given: Tensor,
    lips: Tensor,
    objective: Objective,
    generator: torch.Generator,
    part: slice = ALL,
    whole: int | None = None,
) -> Tensor:
    """The loss of each sample, [b], which are a part of a whole batch where there are several devices.

    predicted, target: velocities [b c t h w]; given: [b 1 t h w], 1 where the condition shows the pixels;
    lips: [b 1 t h w], share of each cell that is lips. With probability `lip_probability` a sample counts inside
    the lips only (L_face); one without lips is plain. Otherwise Eq. 2: w1 inside V_m, w2 outside.
    """
    error = (predicted.float() - target.float()).square()
    if objective.channel_weights:
        shares = torch.tensor(objective.channel_weights, device=error.device)
        error = error * (shares / shares.mean()).view(-1, 1, 1, 1)
    error = error.mean(1, keepdim=True)
    plain = torch.where(given > 0.5, objective.given_weight, objective.generated_weight)
    plain = plain * (1 + objective.lip_weight * lips)
    drawn = torch.rand(len(error) if whole is None else whole, generator=generator)[part]
    chosen = drawn.to(error.device) < objective.lip_probability
    chosen = (chosen & lips.flatten(1).any(1)).view(-1, 1, 1, 1, 1)
    weight = torch.where(chosen, lips, plain)
    return (weight * error).flatten(1).sum(1) / weight.flatten(1).sum(1)
