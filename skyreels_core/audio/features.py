"""What a model is given of a voice, whatever its family."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..media.sound import Audio
from ..timeline import Timeline
from ..windows import Window


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
