"""Wan2.2-S2V 14B (arXiv 2508.18621): the host's own model, whose audio layers were trained with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.conds
import torch
from comfy.ldm.wan.model import WanModel_S2V
from torch import Tensor

from ....skyreels_core.families.s2v.presets import PRESETS, PUBLISHED
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.timeline import SPATIAL
from ....skyreels_core.windows import Window, WindowPlan
from ...host.reference import AUDIO, REFERENCE, entry
from .conditions import MOTION, POSE, voice_in

SHOWN = ("reference_latent", MOTION, POSE)  # what the host's model makes of them


class S2V:
    models = "Wan2.2-S2V"
    rule = "eq3"
    trained_masks = False
    conditions = None
    hybrid = None
    presets = PRESETS

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset, self.model = self.recommended(model), model.model
        self.voice, self.reference = voice_in(positive), entry(positive, REFERENCE)[-1]
        self.motion: Tensor | None = entry(positive, MOTION)
        height, width = self.reference.shape[-2:]
        self.size = width * SPATIAL, height * SPATIAL
        self.timeline, self.payload = self.voice.timeline, self.voice.payload
        self.pictures: dict[tuple[Window, bool], dict[str, Any]] = {}  # by whether the reference is shown

    @staticmethod
    def claims(model) -> bool:
        return isinstance(model.model.diffusion_model, WanModel_S2V)

    @staticmethod
    def recommended(model) -> Settings:
        return PUBLISHED

    def remarks(self) -> list[str]:
        return []

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        """The reference is the same for all windows, the pose video each window's own."""
        hidden = torch.zeros_like(self.reference) if null_image else self.reference
        for window in plan.windows:
            for text, reference in ((True, self.reference), (False, hidden)):
                self.pictures[window, text] = self._picture(window, reference)
            callback(window.index + 1)

    def _picture(self, window: Window, reference: Tensor) -> dict[str, Any]:
        """As the host builds it. Without a pose video the host's own node gives empty latents, not none."""
        width, height = (side // SPATIAL for side in self.size)
        noise = torch.zeros(1, reference.shape[1], window.length, height, width)
        shown = {REFERENCE: [reference]}
        if self.voice.pose is not None:
            shown[POSE] = self.voice.pose.latents(window)
        if self.motion is not None:
            shown[MOTION] = self.motion
        made = self.model.extra_conds(noise=noise, device=noise.device, **shown)
        empty = {POSE: comfy.conds.CONDRegular(noise)}
        return {name: value for name, value in (empty | made).items() if name in SHOWN}

    def entries(self, unit: Unit) -> dict[str, Any]:
        """To S2V, zeros are what no voice is."""
        branch, heard = BRANCHES[unit.branch], self.voice.features_for(unit.window)
        audio = heard if branch.audio else torch.zeros_like(heard)
        return {**self.pictures[unit.window, branch.text], AUDIO: comfy.conds.CONDRegular(audio)}


FAMILY = S2V
