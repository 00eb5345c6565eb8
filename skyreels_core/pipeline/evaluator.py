"""The core's own backbone behind the sampling loop: which inputs each branch of each window gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..conditioning.prompts import PromptSchedule
from ..conditioning.visual import WindowConditions
from ..model.adapter import AudioAdapter, AudioContext
from ..model.backbone import AudioLayers, Split, WanModel, collapse_padding
from ..model.config import PATCH_SIZE
from ..sampling.denoise import Unit
from ..sampling.guidance import BRANCHES
from ..sampling.schedule import TIMESTEPS
from ..timeline import query_positions
from ..windows import Window

if TYPE_CHECKING:  # it brings transformers, which a worker does without
    from ..model.text import TextEncoder

# windows whose projected voice waits for the next step; beyond, it is projected again, which is cheap
VOICES_KEPT = 8


@dataclass(frozen=True)
class Prompts:
    """Encoded texts [1 n d], each with the number of zero rows that follow it."""

    schedule: PromptSchedule
    texts: Mapping[str, tuple[Tensor, int]]  # those of the schedule
    empty: tuple[Tensor, int]

    @classmethod
    def encode(cls, encoder: TextEncoder, schedule: PromptSchedule, negative: str = "") -> Prompts:
        """Each text once and for itself, so that no other one changes how it is encoded."""
        encoded = {text: collapse_padding(encoder.encode([text])) for text in {*schedule.texts, negative}}
        return cls(schedule, encoded, encoded[negative])

    def are_empty(self, windows: Iterable[Window], fps: float) -> bool:
        """Whether every window's text is, to the network, the one that its guidance leads away from."""
        empty, padding = self.empty
        told = (self.of(window, fps) for window in windows)
        return all(rows == padding and torch.equal(text, empty) for text, rows in told)

    def of(self, window: Window, fps: float) -> tuple[Tensor, int]:
        return self.texts[self.schedule.texts[self.schedule.of_window(window, fps)]]


class CoreEvaluator:
    """Units to velocities, one forward each: `sampling.denoise.Evaluate` without a host.

    tokens: the voice of the whole video, [n width]; conditions: None for a backbone that takes no picture;
    clip_tokens: [1 257 1280] for one that reads them.
    """

    units_per_call: int | None = 1

    def __init__(
        self,
        model: WanModel,
        adapter: AudioAdapter,
        tokens: Tensor,
        fps: float,
        prompts: Prompts,
        conditions: WindowConditions | None,
        clip_tokens: Tensor | None = None,
    ) -> None:
        self.model, self.adapter = model, adapter
        self.device, self.dtype = model.patch_embedding.weight.device, model.patch_embedding.weight.dtype
        self.tokens, self.fps = tokens.to(self.device, adapter.audio_proj.fc1.weight.dtype), fps
        self.prompts, self.conditions = prompts, conditions
        self.clip_tokens = None if clip_tokens is None else clip_tokens.to(self.device)
        self.voices: dict[Window, AudioContext] = {}

    def __call__(self, units: Sequence[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        """x [1 16 t h w] of the whole video -> the velocity, float32 [1 16 t h w], of each unit's window."""
        return (self.velocity(unit, x[:, :, unit.window.frames], sigma) for unit in units)

    @torch.no_grad()
    def velocity(self, unit: Unit, x: Tensor, sigma: float, split: Split | None = None) -> Tensor:
        """x [1 16 t h w] of the unit's window; `split` is this device's part where several compute it."""
        branch = BRANCHES[unit.branch]
        context, padding = self.prompts.of(unit.window, self.fps) if branch.text else self.prompts.empty
        if self.conditions is not None:
            x = torch.cat([x, self.conditions.of(unit).to(x)], dim=1)
        return self.model(
            x,
            x.new_full((1,), TIMESTEPS * sigma),
            context.to(self.device),
            self.clip_tokens,
            padding,
            self.audio_layers(unit.window, split, tokens_of(x.shape)) if branch.audio else None,
            split,
        ).float()

    def audio_layers(self, window: Window, split: Split | None = None, tokens: int = 0) -> AudioLayers:
        voice = self.voices.get(window)
        if voice is None:
            voice = self._voice(window)
            if len(self.voices) < VOICES_KEPT:
                self.voices[window] = voice
        return partial(self.adapter.apply, context=voice if split is None else part_of(voice, split, tokens))

    def _voice(self, window: Window) -> AudioContext:
        span = window.token_span(self.fps, len(self.tokens))
        heard = self.tokens[None, span.first : span.last]
        return self.adapter.prepare(heard, span.key_positions(), query_positions(window.length, self.fps))


def tokens_of(shape: Sequence[int]) -> int:
    """How many the backbone makes of [1 c t h w]."""
    return math.prod(shape[2:]) // math.prod(PATCH_SIZE)


def part_of(voice: AudioContext, split: Split, tokens: int) -> AudioContext:
    """With the positions of the split's own tokens, which may begin and end within a latent frame; keys and values of
    the voice are the same on every device."""
    if voice.query_rotation is None:
        return voice
    frames = len(voice.query_rotation)
    rotation = voice.query_rotation.repeat_interleave(tokens // frames, dim=0)
    return replace(voice, query_rotation=split.take(rotation, 0))
