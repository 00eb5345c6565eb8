from __future__ import annotations

import pytest
import torch

from skyreels_core.audio.voice import Voice
from skyreels_core.timeline import Timeline


def test_a_voice_at_another_rate_lasts_as_long_in_frames_of_that_rate():
    voice = Voice(torch.zeros(120, 8), Timeline(60, 25.0))
    moved = voice.at(30000 / 1001)
    assert moved.timeline.frames == 72 and moved.timeline.seconds == pytest.approx(2.4, abs=0.04)
    assert moved.tokens is voice.tokens and voice.at(25.0) is voice
