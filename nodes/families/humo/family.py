"""HuMo (arXiv 2509.08519): the host's own model, whose audio layers were trained with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.conds
import comfy.latent_formats
import torch
from comfy.ldm.wan.model import HumoWanModel
from torch import Tensor

from ....skyreels_core.conditioning.visual import WindowConditions
from ....skyreels_core.families.humo.presets import HUMO_1_7B, HUMO_17B, PRESETS
from ....skyreels_core.model.config import LATENT_CHANNELS, PICTURE_CHANNELS
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.timeline import SPATIAL
from ....skyreels_core.windows import WindowPlan
from ...host.reference import AUDIO, REFERENCE, entry, reference_latent
from .voice import voice_in

OF_PICTURE = ("c_concat", "reference_latent")  # what the host's model makes of a reference


class Humo:
    models = "HuMo"
    rule = "eq3"
    trained_masks = False
    hybrid = None
    presets = PRESETS

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset = self.recommended(model)
        self.model = model.model
        self.voice = voice_in(positive)
        self.timeline, self.payload = self.voice.timeline, self.voice.payload
        self.edits = self.payload is not None and self.payload.pinned
        self.reference = (
            [reference_latent(None, None, self.payload.visual.size)]
            if self.edits
            else entry(positive, REFERENCE)
        )
        self.no_reference = entry(negative, REFERENCE) or [
            torch.zeros_like(latent) for latent in self.reference
        ]
        height, width = self.reference[-1].shape[-2:]
        self.size = width * SPATIAL, height * SPATIAL
        self.conditions: WindowConditions | None = None
        self.pictures: dict[bool, dict[str, Any]] = {}  # by whether a branch sees the text

    @staticmethod
    def claims(model) -> bool:
        return isinstance(model.model.diffusion_model, HumoWanModel)

    @staticmethod
    def recommended(model) -> Settings:
        reads_mask = model.model.model_config.unet_config["in_dim"] == PICTURE_CHANNELS
        return HUMO_17B if reads_mask else HUMO_1_7B

    def remarks(self) -> list[str]:
        return []

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        """The reference is the same for all windows, which have one length. The null branch sees that of the
        negative conditioning, which by HuMo's own rule is an empty one."""
        self.voice.features_for(plan.windows[0])  # says now what it cannot do
        if self.edits:
            self.conditions = self.payload.encode(plan, null_image, callback)
        hidden = (
            [torch.zeros_like(latent) for latent in self.no_reference] if null_image else self.no_reference
        )
        length = plan.windows[0].length
        self.pictures = {
            text: self._picture(latents, length)
            for text, latents in ((True, self.reference), (False, hidden))
        }
        callback(len(plan.windows))

    def _seen(self, unit: Unit) -> dict[str, Any]:
        """In an edit the reference of a window is its own first frame, whose latent does not depend on what follows."""
        text = BRANCHES[unit.branch].text
        if not (self.edits and text):
            return self.pictures[text]
        first = self.conditions.of(unit)[:, -LATENT_CHANNELS:, :1]
        return self._picture([comfy.latent_formats.Wan21().process_out(first)], unit.window.length)

    def _picture(self, reference: list[Tensor], length: int) -> dict[str, Any]:
        """As the host builds it for a video of `length` latent frames: the 17B reads constants on the first two."""
        width, height = (side // SPATIAL for side in self.size)
        noise = torch.zeros(1, LATENT_CHANNELS, length, height, width)
        made = self.model.extra_conds(noise=noise, device=noise.device, reference_latents=reference)
        return {name: made[name] for name in OF_PICTURE if name in made}

    def entries(self, unit: Unit) -> dict[str, Any]:
        """To HuMo, zeros are what no voice is."""
        branch, heard = BRANCHES[unit.branch], self.voice.features_for(unit.window)
        audio = heard if branch.audio else torch.zeros_like(heard)
        return {**self._seen(unit), AUDIO: comfy.conds.CONDRegular(audio)}


FAMILY = Humo
