"""SkyReels-Audio: Whisper tokens enter a native Wan model through our audio layers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import comfy.conds

from ....skyreels_core.conditioning.demo import beyond_demo
from ....skyreels_core.errors import InputError
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.windows import WindowPlan
from ..audio_layers import AudioLayers, find_audio_layers, hearing, is_backbone, takes_picture
from ..scene import scene_of

logger = logging.getLogger(__name__)


class SkyReelsAudio:
    rule = "eq3"
    claims = staticmethod(is_backbone)

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset = self.recommended(model)
        scene = scene_of(positive)
        if scene is None:
            raise InputError(
                "The positive conditioning has no voice. Wire it through Image Animation or Video Edit Lip-Sync."
            )
        self.layers = needed_layers(model)
        scene.check_voice(self.layers.config)
        self.scene, self.conditions = scene, None
        self.shows_picture = takes_picture(model)
        self.size, self.hybrid = scene.shot.size, scene.shot.hybrid
        self.timeline = scene.timeline

    @staticmethod
    def recommended(model) -> Settings:
        return needed_layers(model).preset

    def remarks(self) -> list[str]:
        lines = beyond_demo(self.layers.adapter, self.scene.shot)
        for line in lines:
            logger.warning(line)
        return lines

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        if self.shows_picture:
            self.conditions = self.scene.encode(plan, null_image, callback)
        else:
            self.scene.check_no_picture()

    def entries(self, unit: Unit) -> dict[str, Any]:
        entries = {}
        if self.conditions is not None:
            entries["c_concat"] = comfy.conds.CONDRegular(self.conditions.of(unit))
        if BRANCHES[unit.branch].audio:
            voice = self.scene.voice
            span = unit.window.token_span(voice.timeline.fps, len(voice.tokens))
            entries |= hearing(voice.tokens, span, voice.timeline.fps)
        return entries


def needed_layers(model) -> AudioLayers:
    layers = find_audio_layers(model)
    if layers is None:
        raise InputError(
            "The model has no audio layers, so it cannot use the voice. Put Apply SkyReels Audio Layers before this "
            "node, or load the model with Load SkyReels-Audio Model."
        )
    return layers
