"""What it claims, and what a window of it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.conds

from ....skyreels_core.errors import InputError
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.windows import WindowPlan
from ...host.patches import find_patch, is_backbone
from ...host.payload import payload_of
from .layers import KEY, ToyLayers


class Toy:
    models = "a toy"
    rule = "eq3"
    hybrid = None

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset, payload = self.recommended(model), payload_of(positive, KEY)
        if payload is None:
            raise InputError(
                "The positive conditioning has no voice for the toy. Wire it through Toy Animation."
            )
        self.payload, self.voice = payload, payload.voice
        self.size, self.timeline = payload.visual.size, payload.timeline

    @staticmethod
    def claims(model) -> bool:
        return is_backbone(model) and find_patch(model, ToyLayers) is not None

    @staticmethod
    def recommended(model) -> Settings:
        return find_patch(model, ToyLayers).preset

    def remarks(self) -> list[str]:
        return []

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        self.conditions = self.payload.encode(plan, null_image, callback)

    def entries(self, unit: Unit) -> dict[str, Any]:
        entries = {"c_concat": comfy.conds.CONDRegular(self.conditions.of(unit))}
        if BRANCHES[unit.branch].audio:
            entries[KEY] = comfy.conds.CONDRegular(self.voice.features_for(unit.window))
        return entries


FAMILY = Toy
