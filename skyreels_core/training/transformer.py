"""Training the backbone and its audio layers: the paper's curriculum over encoded clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ..model.adapter import AudioAdapter
from ..model.backbone import WanModel
from ..sampling.schedule import TIMESTEPS
from ..timeline import query_positions
from .encoded import Batch, Clips
from .loop import AS_STATED, Budget, Losses, Run, Stage
from .lora import is_lora, lora_parameters
from .losses import Dropped, Objective, draw_drops, draw_sigmas, flow_loss
from .memory import PLAIN, Memory
from .ranks import ALONE, Ranks
from .sharding import shard


@dataclass(frozen=True)
class Leg:
    """A stage of the curriculum: what is trained, on which tasks, with which objective."""

    stage: Stage
    train: str  # "backbone", "audio" (layers on a frozen backbone), "lora" (both it and LoRA layers) or "all"
    editing: float  # share of samples that are edits; the rest are image animations
    objective: Objective
    voice: bool = True  # False: stage 0 of a model from scratch, video without audio


class AudioDrivenModel(nn.Module):
    """Backbone and audio layers under one roof, so that one state holds both."""

    def __init__(self, backbone: WanModel, adapter: AudioAdapter):
        super().__init__()
        self.backbone, self.adapter = backbone, adapter
        self.saving: Callable[[], AbstractContextManager[Any]] = (
            nullcontext  # of what the backward pass needs
        )

    @property
    def units(self) -> list[nn.Module]:
        """What is whole on a device at a time where the rest is split among several."""
        return [*self.backbone.blocks, *self.adapter.blocks, self.adapter.audio_proj]

    def forward(self, noisy: Tensor, sigmas: Tensor, batch: Batch, told: Conditions, fps: float) -> Tensor:
        """Velocities [b 16 t h w] of noisy latents [b 16 t h w] at sigmas [b].

        A batch in which no sample has a voice skips the audio layers altogether.
        """
        audio = None
        if told.heard:
            positions = query_positions(noisy.shape[2], fps)
            voice = self.adapter.prepare(batch.tokens, batch.key_positions, positions, told.key_mask)
            audio = partial(self.adapter.apply, context=voice)
        x = torch.cat([noisy, told.condition], dim=1)[:, : self.backbone.config.in_dim]
        padding = self.backbone.config.text_len - told.context.shape[1]
        with self.saving():
            return self.backbone(x, TIMESTEPS * sigmas, told.context, batch.clip_fea, padding, audio)

    def train_only(self, part: str) -> list[nn.Parameter]:
        """Freeze everything but what a leg trains, which is returned."""
        voice, backbone = list(self.adapter.parameters()), list(self.backbone.parameters())
        parts = {
            "audio": voice,
            "lora": [*voice, *lora_parameters(self.backbone)],
            "backbone": backbone,
            "all": [*backbone, *voice],
        }
        self.requires_grad_(False)
        for weight in parts[part]:
            weight.requires_grad_(True)
        return parts[part]


@dataclass(frozen=True)
class Conditions:
    """A batch after dropouts: what the model is conditioned on."""

    condition: Tensor  # [b 20 t h w]
    context: Tensor  # [b m d]
    key_mask: Tensor  # bool [b n]; a row of False has no voice
    heard: bool  # whether any sample has a voice

    def to(self, device: torch.device) -> Conditions:
        condition, context, key_mask = (
            part.to(device) for part in (self.condition, self.context, self.key_mask)
        )
        return Conditions(condition, context, key_mask, self.heard)

    def part(self, samples: slice) -> Conditions:
        """All ranks agree on `heard`: it decides which layers they enter together."""
        condition, context, key_mask = (
            part[samples] for part in (self.condition, self.context, self.key_mask)
        )
        return Conditions(condition, context, key_mask, self.heard)


def train_transformer(
    model: AudioDrivenModel,
    clips: Clips | Sequence[Clips],
    legs: Sequence[Leg],
    folder: Path,
    accelerator: Accelerator,
    seed: int,
    budget: Budget = AS_STATED,
    saved: Callable[[dict[str, Tensor]], None] | None = None,
    ranks: Ranks = ALONE,
    memory: Memory = PLAIN,
    after: Callable[[int], None] | None = None,
) -> AudioDrivenModel:
    """Run all legs, resuming where `folder` left off; returns the model with averaged weights where kept.

    Of several sets of clips, such as those of different sizes, each batch is of one, the larger ones more often.
    Several ranks share each batch, and have the model split among them.
    """
    keeps = bool if any(moves_backbone(leg) for leg in legs) else moves
    run = Run(
        folder, model, accelerator, seed, budget=budget, saved=saved, ranks=ranks, keeps=keeps,
        optimizer=memory.optimizer, after=after,
    )  # fmt: skip
    if ranks.are_many:
        shard(model, model.units, ranks)
    for leg in legs:
        ranks.part(leg.stage.batch)  # a batch that is too small is refused before it is drawn
        step = LegStep(clips, leg, accelerator.device, ranks)
        run.stage(leg.stage, model.train_only(leg.train), step, step.draw)
    run.use_average()
    return model.requires_grad_(False)


def moves_backbone(leg: Leg) -> bool:
    """Whether it trains the backbone's own weights."""
    return leg.train in ("backbone", "all")


def moves(name: str) -> bool:
    """Whether the weight of this name is trained beside a frozen backbone."""
    return name.startswith("adapter.") or is_lora(name)


@dataclass(frozen=True)
class Drawn:
    """What a step needs besides the model: every rank draws the whole batch and takes its part."""

    batch: Batch
    told: Conditions
    sigmas: Tensor  # [b]
    noise: Tensor  # [b 16 t h w]
    fps: float


@dataclass(frozen=True)
class LegStep:
    """A step of a leg, in two: what is drawn can be drawn ahead."""

    clips: Clips | Sequence[Clips]
    leg: Leg
    device: torch.device
    ranks: Ranks

    @property
    def objective(self) -> Objective:
        return self.leg.objective if self.leg.voice else replace(self.leg.objective, drop_audio=1.0)

    @property
    def size(self) -> int:
        return self.leg.stage.batch

    def draw(self, generator: torch.Generator) -> Drawn:
        clips, size, part = _one_of(self.clips, generator), self.size, self.ranks.part(self.size)
        batch = draw_batch(clips, size, self.objective, generator)
        told = tell(batch, clips, self.leg, self.objective, generator).part(part)
        sigmas = draw_sigmas(size, self.objective, generator)[part]
        noise = torch.randn(batch.latent.shape, generator=generator)[part]
        return Drawn(batch.part(part), told, sigmas, noise, clips.fps)

    def __call__(self, model: nn.Module, generator: torch.Generator, drawn: Drawn) -> Losses:
        """The mean of the ranks' losses is that of the batch."""
        batch, told, part = (
            drawn.batch.to(self.device),
            drawn.told.to(self.device),
            self.ranks.part(self.size),
        )
        sigmas, noise = drawn.sigmas.to(self.device), drawn.noise.to(self.device)
        noisy = torch.lerp(batch.latent, noise, sigmas.view(-1, 1, 1, 1, 1))
        velocity = model(noisy, sigmas, batch, told, drawn.fps)
        given, target = told.condition[:, :1], noise - batch.latent
        losses = flow_loss(velocity, target, given, batch.lips, self.objective, generator, part, self.size)
        return {"loss": losses.mean() * (len(losses) * self.ranks.count / self.size)}


def _one_of(clips: Clips | Sequence[Clips], generator: torch.Generator) -> Clips:
    if not isinstance(clips, Sequence):
        return clips
    counts = torch.tensor([len(part) for part in clips], dtype=torch.float32)
    return clips[int(torch.multinomial(counts, 1, generator=generator))]


def draw_batch(clips: Clips, size: int, objective: Objective, generator: torch.Generator) -> Batch:
    """Random clips; a share of them gets the voice of another."""
    indices = torch.randint(len(clips), (size,), generator=generator)
    others = torch.randint(len(clips), (size,), generator=generator)
    swapped = torch.rand(size, generator=generator) < objective.mismatch
    return clips.batch(indices.tolist(), torch.where(swapped, others, indices).tolist())


def tell(
    batch: Batch, clips: Clips, leg: Leg, objective: Objective, generator: torch.Generator
) -> Conditions:
    """Choose each sample's task and drop what is to be dropped."""
    size, device = len(batch.latent), batch.latent.device
    edits = (torch.rand(size, generator=generator) < leg.editing).to(device)
    drawn = draw_drops(size, objective, generator)
    if leg.train == "audio" and drawn.audio.all():  # nothing would be left to train
        drawn = replace(drawn, audio=torch.zeros_like(drawn.audio))
    dropped = Dropped(*(flags.to(device) for flags in (drawn.reference, drawn.audio, drawn.text)))
    condition = torch.where(_column(edits), batch.editing, batch.animation)
    condition = torch.where(_column(dropped.reference), clips.no_condition, condition)
    no_text = nn.functional.pad(clips.no_text, (0, 0, 0, batch.context.shape[1] - len(clips.no_text)))
    context = torch.where(dropped.text.view(-1, 1, 1), no_text, batch.context)
    key_mask = batch.key_mask & ~dropped.audio[:, None]
    return Conditions(condition, context, key_mask, heard=not bool(drawn.audio.all()))


def _column(flags: Tensor) -> Tensor:
    return flags.view(-1, 1, 1, 1, 1)
