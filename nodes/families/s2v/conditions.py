"""What the conditioning carries for Wan2.2-S2V: a voice of any length, a reference, a pose video, and what was made
before."""

from __future__ import annotations

from dataclasses import dataclass, field

import comfy.utils
import node_helpers
import torch
from torch import Tensor

from ....skyreels_core.audio.features import AudioFeatures
from ....skyreels_core.errors import InputError
from ....skyreels_core.families.s2v.features import features_of
from ....skyreels_core.media.sound import Audio
from ....skyreels_core.model.config import LATENT_CHANNELS
from ....skyreels_core.timeline import SPATIAL, TEMPORAL, Timeline
from ....skyreels_core.windows import Window
from ...host.payload import ConditioningPayload
from ...host.reference import REFERENCE, entry
from ...host.unsupported_samplers import with_sampler_guard

KEY = "skyreels_audio_s2v"
MOTION, POSE = "reference_motion", "control_video"  # the host's names


@dataclass(frozen=True, eq=False)
class S2VVoice(AudioFeatures):
    """Put into the conditioning by S2V Animation."""

    features: Tensor  # [4t layers width], 16 a second
    timeline: Timeline
    payload: ConditioningPayload | None = field(default=None, compare=False)
    pose: Pose | None = None
    audio: Audio | None = field(default=None, compare=False)  # the recording, as long as the timeline

    @property
    def width(self) -> int:
        return self.features.shape[-1]

    def features_for(self, window: Window) -> Tensor:
        """What the window's latent frames are conditioned on, [1 layers width 4t]."""
        return features_of(self.features, window.start, window.length)


@dataclass(frozen=True, eq=False)
class Pose:
    """A pose video [f h w 3] in 0..1 at the video's size; latent frames behind its end have none."""

    frames: Tensor
    vae: object
    first: int = 0  # latent frame of the pose video at which the conditioning's own begins
    # By first latent frame and length
    encoded: dict[tuple[int, int], Tensor] = field(default_factory=dict, compare=False)

    def latents(self, window: Window) -> Tensor:
        """[1 16 t h/8 w/8] of a window. Each latent frame is four frames, as published, where the video has begun
        before: the frame before the window stands for what came."""
        start, length = self.first + window.start, window.length
        if (start, length) not in self.encoded:
            self.encoded[start, length] = self._encode(start, length).cpu()
        return self.encoded[start, length]

    def _encode(self, start: int, length: int) -> Tensor:
        height, width = (side // SPATIAL for side in self.frames.shape[1:3])
        latents = torch.zeros(1, LATENT_CHANNELS, length, height, width)
        first = max(0, TEMPORAL * start - TEMPORAL + 1)
        frames = self.frames[first : TEMPORAL * (start + length) - TEMPORAL + 1]
        if len(frames):
            made = self.vae.encode(torch.cat([frames[:1], frames]) if start else frames)
            made = made[:, :, 1:] if start else made
            latents[:, :, : made.shape[2]] = made
        return latents


def pose_of(images: Tensor, vae, size: tuple[int, int]) -> Pose:
    placed = comfy.utils.common_upscale(images[..., :3].movedim(-1, 1), *size, "bilinear", "center")
    return Pose(placed.movedim(1, -1), vae)


def voice_in(positive: list) -> S2VVoice:
    voice = entry(positive, KEY)
    if voice is None:
        raise InputError(
            "The positive conditioning has no voice for Wan2.2-S2V. Wire it through S2V Animation."
        )
    return voice


def with_voice(positive: list, negative: list, voice: S2VVoice, reference: Tensor) -> tuple[list, list]:
    """Both conditionings; both see the reference, as published."""
    positive = with_sampler_guard(node_helpers.conditioning_set_values(positive, {KEY: voice}))
    return tuple(
        node_helpers.conditioning_set_values(conditioning, {REFERENCE: [reference]}, append=True)
        for conditioning in (positive, negative)
    )


def after(conditioning: list, made: Tensor | None, voice: S2VVoice) -> list:
    """The conditioning of a later part of the video, which is shown the latents [1 16 t h w] made before it."""
    values = {KEY: voice} if entry(conditioning, KEY) is not None else {}
    if made is not None:
        values[MOTION] = made
    return node_helpers.conditioning_set_values(conditioning, values)
