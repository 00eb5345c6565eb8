"""Training the backbone and its audio layers: the paper's curriculum over encoded clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..model.adapter import AudioAdapter
from ..model.backbone import WanModel
from ..timeline import query_positions
from .encoded import Batch, EncodedClips
from .loop import Losses, Run, Stage
from .losses import Dropped, Objective, draw_drops, draw_sigmas, flow_loss


@dataclass(frozen=True)
class Leg:
    """A stage of the curriculum: what is trained, on which tasks, with which objective."""

    stage: Stage
    train: str  # "backbone", "audio" (layers on a frozen backbone) or "all"
    editing: float  # share of samples that are edits; the rest are image animations
    objective: Objective
    voice: bool = True  # False: stage 0 of a model from scratch, video without audio


class AudioDrivenModel(nn.Module):
    """Backbone and audio layers under one roof, so that one state holds both."""

    def __init__(self, backbone: WanModel, adapter: AudioAdapter):
        super().__init__()
        self.backbone, self.adapter = backbone, adapter


@dataclass(frozen=True)
class Conditions:
    """A batch after dropouts: what the model is told."""

    condition: Tensor  # [b 20 t h w]
    context: Tensor  # [b m d]
    key_mask: Tensor  # bool [b n]; a row of False hears nothing


def train_transformer(
    model: AudioDrivenModel,
    clips: EncodedClips,
    legs: Sequence[Leg],
    folder: Path,
    seed: int,
    text_length: int,
) -> AudioDrivenModel:
    """Run all legs, resuming where `folder` left off; returns the model with averaged weights where kept."""
    run = Run(folder, model, seed)
    for leg in legs:
        parts = {"backbone": model.backbone, "audio": model.adapter, "all": model}
        model.requires_grad_(False)
        trainable = list(parts[leg.train].requires_grad_(True).parameters())
        run.stage(leg.stage, trainable, lambda k, g, leg=leg: _step(model, clips, leg, text_length, g))
    run.use_average()
    return model.requires_grad_(False)


def _step(
    model: AudioDrivenModel, clips: EncodedClips, leg: Leg, text_length: int, generator: torch.Generator
) -> Losses:
    objective = leg.objective if leg.voice else replace(leg.objective, drop_audio=1.0)
    batch = draw_batch(clips, leg.stage.batch, objective, generator)
    told = tell(batch, clips, leg, objective, generator)
    sigmas = draw_sigmas(leg.stage.batch, objective, generator).view(-1, 1, 1, 1, 1)
    noise = torch.randn(batch.latent.shape, generator=generator)
    noisy = (1 - sigmas) * batch.latent + sigmas * noise
    velocity = predict(model, batch, told, noisy, sigmas.flatten(), clips.fps, text_length)
    losses = flow_loss(
        velocity, noise - batch.latent, told.condition[:, :1], batch.lips, objective, generator
    )
    return {"loss": losses.mean()}


def draw_batch(clips: EncodedClips, size: int, objective: Objective, generator: torch.Generator) -> Batch:
    """Random clips; a share of them hears the voice of another."""
    indices = torch.randint(len(clips), (size,), generator=generator)
    others = torch.randint(len(clips), (size,), generator=generator)
    swapped = torch.rand(size, generator=generator) < objective.mismatch
    return clips.batch(indices.tolist(), torch.where(swapped, others, indices).tolist())


def tell(
    batch: Batch, clips: EncodedClips, leg: Leg, objective: Objective, generator: torch.Generator
) -> Conditions:
    """Choose each sample's task and drop what is to be dropped."""
    size = len(batch.latent)
    edits = torch.rand(size, generator=generator) < leg.editing
    dropped: Dropped = draw_drops(size, objective, generator)
    condition = torch.where(_column(edits), batch.editing, batch.animation)
    condition = torch.where(_column(dropped.reference), clips.no_condition, condition)
    no_text = nn.functional.pad(clips.no_text, (0, 0, 0, batch.context.shape[1] - len(clips.no_text)))
    context = torch.where(dropped.text.view(-1, 1, 1), no_text, batch.context)
    return Conditions(condition, context, batch.key_mask & ~dropped.audio[:, None])


def predict(
    model: AudioDrivenModel,
    batch: Batch,
    told: Conditions,
    noisy: Tensor,
    sigmas: Tensor,
    fps: float,
    text_length: int,
) -> Tensor:
    """Velocities [b 16 t h w]. A batch in which nobody hears anything skips the audio layers altogether."""
    audio = None
    if told.key_mask.any():
        positions = query_positions(noisy.shape[2], fps)
        context = model.adapter.prepare(batch.tokens, batch.key_positions, positions, told.key_mask)
        audio = lambda index, x: model.adapter.apply(index, x, context)  # noqa: E731
    x = torch.cat([noisy, told.condition], dim=1)[:, : model.backbone.config.in_dim]
    padding = text_length - told.context.shape[1]
    return model.backbone(x, 1000 * sigmas, told.context, batch.clip_fea, padding, audio)


def _column(flags: Tensor) -> Tensor:
    return flags.view(-1, 1, 1, 1, 1)
