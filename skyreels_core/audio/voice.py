"""A voice as the backbone gets it: its tokens, and the frames that it speaks over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from ..media.sound import Audio
from ..timeline import Timeline, TokenSpan
from ..windows import Window
from .features import AudioFeatures


@dataclass(frozen=True, eq=False)
class Voice(AudioFeatures):
    tokens: Tensor  # [n width] float32, 50 a second
    timeline: Timeline
    audio: Audio | None = field(default=None, compare=False)  # the recording, as long as the voice

    @property
    def width(self) -> int:
        return self.tokens.shape[1]

    def span_of(self, window: Window) -> TokenSpan:
        return window.token_span(self.fps, len(self.tokens))

    def features_for(self, window: Window) -> Tensor:
        """The tokens of its span, [n width]."""
        span = self.span_of(window)
        return self.tokens[span.first : span.last]

    def at(self, fps: float) -> Voice:
        """The same seconds over frames of another rate."""
        if fps == self.timeline.fps:
            return self
        return replace(self, timeline=Timeline.from_seconds(self.timeline.seconds, fps))
