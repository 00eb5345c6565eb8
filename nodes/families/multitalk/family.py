"""The MultiTalk family: InfiniteTalk, MultiTalk and SkyReels-V3 A2V, a native Wan model with audio layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.conds
import torch
from torch import Tensor

from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.presets import lora_of
from ....skyreels_core.model.config import LATENT_CHANNELS
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.windows import Window, WindowPlan
from ...host.patches import is_backbone
from ...host.presets import missing_lora
from .editing import edit_of
from .layers import audio_conds, find_layers, payload_of

AT_ONCE = 16  # windows whose voice is projected together


class MultiTalk:
    models = "a Wan 2.1 or SkyReels-V2 video model"
    rule = "multitalk"
    trained_masks = False
    hybrid = None

    def __init__(self, model, positive: list, negative: list) -> None:
        self.model, self.layers, self.preset = model, find_layers(model), self.recommended(model)
        payload = payload_of(positive) or edit_of(positive)
        if payload is None:
            raise InputError(
                "The positive conditioning has no voice for this model. Wire it through MultiTalk Animation, or "
                "through Video Edit Lip-Sync."
            )
        payload = payload.for_model(self.trained_masks)
        if payload.voice.width != self.layers.config.features:
            raise InputError(
                f"The voice has {payload.voice.width} features per frame, this model needs "
                f"{self.layers.config.features}. Load wav2vec2-chinese-base_fp16.safetensors with Load Wav2Vec2 "
                "Encoder."
            )
        self.payload, self.voice = payload, payload.voice
        self.motion: Tensor | None = getattr(payload, "motion", None)  # latents of a chunk's first frames
        self.size, self.timeline = payload.visual.size, payload.timeline
        self.tokens: dict[Window, Tensor] = {}
        self.silence: Tensor | None = None

    @staticmethod
    def claims(model) -> bool:
        return is_backbone(model) and find_layers(model) is not None

    @staticmethod
    def recommended(model) -> Settings:
        return find_layers(model).preset

    def remarks(self) -> list[str]:
        return missing_lora(self.model, lora_of(self.preset))

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        self.conditions = self.payload.encode(plan, null_image, callback)
        for first in range(0, len(plan.windows), AT_ONCE):
            windows = plan.windows[first : first + AT_ONCE]
            heard = torch.stack([self.voice.features_for(window) for window in windows])
            self.tokens |= dict(zip(windows, self.layers.project(heard).split(1), strict=True))
        self.silence = self.layers.project(torch.zeros_like(heard[:1, :1]))

    def entries(self, unit: Unit) -> dict[str, Any]:
        """No voice is, as published, zeros of one speaker through the projection.

        InfiniteTalk's first latent frame is the picture's at every step, in each window its own, or the first ones are
        those of the chunk before; SkyReels-V3's first clip is left free, as published, and so is each window here.
        """
        condition, voiced = self.conditions.of(unit), BRANCHES[unit.branch].audio
        pinned = self.layers.pinned and not self.conditions.drops_picture(unit)
        first = condition[:, -LATENT_CHANNELS:, :1] if self.motion is None else self.motion
        return {
            "c_concat": comfy.conds.CONDRegular(condition),
            **audio_conds(
                self.tokens[unit.window] if voiced else self.silence,
                unit.branch,
                first if pinned else None,
                self.voice.masks if voiced else None,
            ),
        }


FAMILY = MultiTalk
