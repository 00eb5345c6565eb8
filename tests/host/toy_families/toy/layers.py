"""Its layers: what each latent frame has of the voice is added behind the text's attention."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ....skyreels_core.audio.features import AudioFeatures
from ....skyreels_core.errors import InputError
from ....skyreels_core.media.sound import Audio
from ....skyreels_core.run.settings import WAN
from ....skyreels_core.timeline import SAMPLE_RATE, TEMPORAL, Timeline, first_frame
from ....skyreels_core.windows import Window
from ...host.compiling import uncompiled
from ...host.patches import AudioPatch, find_patch, is_backbone, patched

KEY = "toy_family"


@dataclass(frozen=True, eq=False)
class ToyVoice(AudioFeatures):
    loudness: Tensor  # [f], of each frame
    timeline: Timeline
    audio: Audio | None = None  # the recording

    width = 1

    def features_for(self, window: Window) -> Tensor:
        """[1 t]"""
        frames = first_frame(window.start) + TEMPORAL * torch.arange(window.length)
        return self.loudness[frames.clamp(max=len(self.loudness) - 1)][None]


def loudness_of(samples: Tensor, timeline: Timeline, audio: Audio | None) -> ToyVoice:
    """`samples` [n] at 16 kHz"""
    parts = samples[: timeline.sample_count(SAMPLE_RATE)].tensor_split(timeline.frames)
    return ToyVoice(torch.stack([part.square().mean().sqrt() for part in parts]), timeline, audio)


class ToyLayers(AudioPatch):
    preset = replace(WAN, window=5, overlap=2)

    @uncompiled
    def __call__(self, arguments: dict[str, Any]) -> Tensor:
        x, loudness = arguments["x"], arguments["transformer_options"].get(KEY)
        if loudness is None:
            return x
        brighter = 10 * loudness[..., None, None].to(x) * torch.linspace(-1, 1, x.shape[-1]).to(x)
        return (x.unflatten(1, (loudness.shape[1], -1)) + brighter).flatten(1, 2)

    @uncompiled
    def brought(self, entries: dict[str, Any], latent_frames: int) -> dict[str, Any]:
        return {KEY: entries.pop(KEY, None)}


def add_layers(model):
    if not is_backbone(model) or find_patch(model) is not None:
        raise InputError("The toy's layers go on a plain Wan 2.1 model. Give one.")
    return patched(model, ToyLayers(), KEY)
