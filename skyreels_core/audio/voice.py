"""A voice as the backbone hears it: its tokens, and the frames that it speaks over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from ..media.sound import Audio
from ..timeline import Timeline


@dataclass(frozen=True, eq=False)
class Voice:
    tokens: Tensor  # [n width] float32, 50 a second
    timeline: Timeline
    audio: Audio | None = field(default=None, compare=False)  # the recording, as long as the voice

    @property
    def width(self) -> int:
        return self.tokens.shape[1]

    def at(self, fps: float) -> Voice:
        """The same seconds over frames of another rate."""
        if fps == self.timeline.fps:
            return self
        return replace(self, timeline=Timeline.from_seconds(self.timeline.seconds, fps))
