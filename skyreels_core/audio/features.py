"""What a model is given of a voice, whatever its family."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..media.sound import Audio
from ..timeline import Timeline
from ..windows import Window


def at_frame_times(features: Tensor, rate: float, timeline: Timeline) -> Tensor:
    """Features at `rate` a second [n ...] -> those of the timeline's frames [f ...]: between the two that are nearest
    to a frame's centre."""
    centre = (torch.arange(timeline.frames, dtype=torch.float64) + 0.5) * rate / timeline.fps - 0.5
    centre = centre.clamp(0, len(features) - 1)
    before = centre.floor().long()
    share = (centre - before).to(features).reshape(-1, *[1] * (features.ndim - 1))
    return torch.lerp(features[before], features[(before + 1).clamp(max=len(features) - 1)], share)


class AudioFeatures(Protocol):
    # What the voice is laid over, and so how long the video is
    timeline: Timeline
    # The recording, as long as the voice, where the features carry it
    audio: Audio | None = None

    @property
    def fps(self) -> float:
        """Frames per second of the video."""
        return self.timeline.fps

    @property
    def width(self) -> int:
        """Numbers in one of the features, which the model's audio layers have to read."""
        ...

    def features_for(self, window: Window) -> Tensor:
        """What one window is conditioned on, in the shape that its family reads."""
        ...
