"""SkyReels-Audio: Whisper tokens enter a native Wan model through our audio layers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import comfy.conds

from ....skyreels_core.audio.voice import Voice
from ....skyreels_core.conditioning.demo import beyond_demo
from ....skyreels_core.errors import InputError
from ....skyreels_core.model.config import AudioConfig
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.sampling.denoise import Unit
from ....skyreels_core.sampling.guidance import BRANCHES
from ....skyreels_core.windows import WindowPlan
from ...host.editing import UnreadVoice
from ...host.patches import find_patch, is_backbone, takes_picture
from ...host.payload import ConditioningPayload, payload_of
from ...host.whisper import needed_voice
from .layers import AudioLayers, audio_conds, find_audio_layers

logger = logging.getLogger(__name__)


class SkyReelsAudio:
    models = "a Wan 2.1 or SkyReels-V2 video model"
    rule = "eq3"
    trained_masks = True

    def __init__(self, model, positive: list, negative: list) -> None:
        self.preset = self.recommended(model)
        payload = payload_of(positive)
        if payload is None:
            raise InputError(
                "The positive conditioning has no voice. Wire it through Image Animation or Video Edit Lip-Sync."
            )
        self.layers = needed_layers(model)
        payload = payload.for_model(self.trained_masks)
        check_voice(read_voice(payload), self.layers.config)
        self.payload, self.voice, self.conditions = payload, payload.voice, None
        self.shows_picture = takes_picture(model)
        self.size, self.hybrid = payload.visual.size, payload.visual.hybrid
        self.timeline = payload.timeline

    @staticmethod
    def claims(model) -> bool:
        """A plain model too, which lacks the layers."""
        return is_backbone(model) and isinstance(find_patch(model), AudioLayers | None)

    @staticmethod
    def recommended(model) -> Settings:
        return needed_layers(model).preset

    def remarks(self) -> list[str]:
        lines = beyond_demo(self.layers.adapter, self.payload.visual)
        for line in lines:
            logger.warning(line)
        return lines

    def encode(self, plan: WindowPlan, null_image: bool, callback: Callable[[int], None]) -> None:
        if not self.shows_picture:
            self.payload.check_no_picture()
        if self.shows_picture or self.payload.pinned:
            self.conditions = self.payload.encode(plan, null_image, callback, self.shows_picture)

    def entries(self, unit: Unit) -> dict[str, Any]:
        entries = {}
        if self.shows_picture:
            entries["c_concat"] = comfy.conds.CONDRegular(self.conditions.of(unit))
        if BRANCHES[unit.branch].audio:
            tokens, span = self.voice.features_for(unit.window), self.voice.span_of(unit.window)
            entries |= audio_conds(tokens, span, self.voice.fps)
        return entries


def read_voice(payload: ConditioningPayload) -> Voice:
    """Raises InputError for the tokens of an edit that are another family's."""
    if isinstance(payload.voice, UnreadVoice):
        if isinstance(payload.edit.spoken, tuple):
            raise InputError(
                "This model animates one speaker. Give Video Edit Lip-Sync the tokens of Audio To Tokens, or load a "
                "model of the MultiTalk family for two speakers."
            )
        return needed_voice(payload.edit.spoken)
    return payload.voice


def check_voice(voice: Voice, config: AudioConfig) -> None:
    if voice.width != config.width:
        raise InputError(
            f"The voice has tokens of width {voice.width}, the model's audio layers read width {config.width}. Load "
            "the Whisper encoder that the model was trained with."
        )


def needed_layers(model) -> AudioLayers:
    layers = find_audio_layers(model)
    if layers is None:
        raise InputError(
            "The model has no audio layers, so it cannot use the voice. Put Apply SkyReels Audio Layers before this "
            "node, or load the model with Load SkyReels-Audio Model."
        )
    return layers


FAMILY = SkyReelsAudio
