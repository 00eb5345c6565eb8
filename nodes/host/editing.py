"""What Video Edit Lip-Sync leaves to the family of the model: how the voice is read, and what keeps the video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...skyreels_core.audio.features import AudioFeatures
from ...skyreels_core.media.sound import Audio
from ...skyreels_core.timeline import Timeline


@dataclass(frozen=True, eq=False)
class EditOptions:
    spoken: Any  # tokens of any encoder, or a tuple of speakers
    pinned: bool = False  # also with a model that was trained with masks
    pinned_steps: float = 1.0  # share of the steps, from the first, that pin
    denoise: float = 1.0  # strength, above 0..1
    clip_vision: Any = None  # encodes the first frame of each window


@dataclass(frozen=True, eq=False)
class UnreadVoice(AudioFeatures):
    """Of tokens that only the family of the model can read."""

    timeline: Timeline
    audio: Audio | None = None

    width = 0
