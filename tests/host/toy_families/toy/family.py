"""What it claims, and what a window of it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import comfy.conds

from ....skyreels_core.errors import InputError
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.windows import WindowPlan
from ...host.patches import find_patch, is_backbone
from ...host.payload import ConditioningPayload, payload_of
from .layers import KEY, ToyLayers, loudness_of


class Toy:
    models = "a toy"
    rule = "eq3"
    trained_masks = False
    hybrid = None

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset, payload = self.recommended(model), payload_of(positive, KEY) or edit_of(positive)
        if payload is None:
            raise InputError(
                "The positive conditioning has no voice for the toy. Wire it through Toy Animation."
            )
        payload = payload.for_model(self.trained_masks)
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


def edit_of(positive: list) -> ConditioningPayload | None:
    """Of Video Edit Lip-Sync."""
    payload = payload_of(positive)
    if payload is None or payload.edit is None:
        return None
    tokens = payload.edit.spoken
    return replace(payload, voice=loudness_of(tokens.samples, payload.timeline, tokens.audio))


FAMILY = Toy
