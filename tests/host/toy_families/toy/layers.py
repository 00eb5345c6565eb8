"""Its layers: what each latent frame has of the voice is added behind the text's attention."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import comfy.patcher_extension
import torch
from torch import Tensor

from ....skyreels_core.audio.features import AudioFeatures
from ....skyreels_core.errors import InputError
from ....skyreels_core.media.sound import Audio
from ....skyreels_core.run.settings import WAN
from ....skyreels_core.timeline import SAMPLE_RATE, TEMPORAL, Timeline, first_frame
from ....skyreels_core.windows import Window
from ...host.compiling import told_apart, uncompiled, uncompiled_itself
from ...host.patches import AudioPatch, find_patch, is_backbone

KEY = "toy_family"
# For `told_apart`
MARK = torch.float16


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

    @uncompiled_itself
    def listen(self, executor, x, timestep, context, clip_fea=None, concat=None, options=None, **kwargs):
        """Around one forward of the network."""
        loudness = kwargs.pop(KEY, None)
        return executor(x, timestep, context, clip_fea, concat, {**(options or {}), KEY: loudness}, **kwargs)


def add_layers(model):
    if not is_backbone(model) or find_patch(model) is not None:
        raise InputError("The toy's layers go on a plain Wan 2.1 model. Give one.")
    layers, model, wrappers = ToyLayers(), model.clone(), comfy.patcher_extension.WrappersMP
    model.set_model_patch(layers, "attn2_patch")
    model.add_wrapper_with_key(wrappers.APPLY_MODEL, KEY, told_apart(MARK))
    model.add_wrapper_with_key(wrappers.DIFFUSION_MODEL, KEY, layers.listen)
    return model
