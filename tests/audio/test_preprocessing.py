"""What is said of a voice before it is encoded."""

from __future__ import annotations

import pytest
import torch

from skyreels_core.audio.preprocessing import NO_PREPROCESSING
from skyreels_core.media.sound import Audio
from skyreels_core.timeline import Timeline


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (5e-4, True), (0.01, False)])
def test_a_silent_voice_is_named(level, silent):
    audio = Audio(torch.full((1, 16000), level), 16000)
    _, lines = NO_PREPROCESSING.of(audio, Timeline.from_seconds(1.0, 25.0))
    assert any("The voice is silent" in line for line in lines) == silent
