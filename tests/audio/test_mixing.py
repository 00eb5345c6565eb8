"""Two recordings of a conversation, each in its place."""

from __future__ import annotations

import math

import torch

from skyreels_core.audio.mixing import mix
from skyreels_core.media.sound import Audio
from skyreels_core.timeline import Timeline

RATE = 16000
SECOND = Timeline.from_seconds(1.0, 25.0)


def tone(seconds: float, level: float = 0.5, rate: int = RATE, channels: int = 1) -> Audio:
    times = torch.arange(round(seconds * rate)) / rate
    return Audio((level * torch.sin(2 * math.pi * 440 * times)).expand(channels, -1).clone(), rate)


def test_each_recording_starts_at_its_second():
    first, second = tone(0.4), tone(0.3)
    mixed = mix([(first, 0.0), (second, 0.6)], SECOND).samples[0]
    assert len(mixed) == RATE
    assert torch.equal(mixed[: round(0.4 * RATE)], first.samples[0])
    assert not mixed[round(0.4 * RATE) : round(0.6 * RATE)].any()
    assert torch.equal(mixed[round(0.6 * RATE) : round(0.9 * RATE)], second.samples[0])


def test_what_speaks_at_once_is_added():
    alone = tone(1.0, 0.3)
    assert torch.allclose(mix([(alone, 0.0), (alone, 0.0)], SECOND).samples, 2 * alone.samples)


def test_a_sum_that_would_clip_is_made_quieter_as_a_whole():
    alone = tone(1.0, 0.8)
    mixed = mix([(alone, 0.0), (alone, 0.0)], SECOND).samples
    assert torch.allclose(mixed, alone.samples / alone.samples.abs().max(), atol=1e-6)


def test_the_highest_rate_and_both_channels_are_kept():
    mixed = mix([(tone(1.0, 0.3), 0.0), (tone(1.0, 0.3, 48000, 2), 0.0)], SECOND)
    assert mixed.sample_rate == 48000 and mixed.samples.shape == (2, 48000)
    middle = mixed.samples[:, 4800:-4800]
    assert torch.allclose(middle, tone(1.0, 0.6, 48000).samples[:, 4800:-4800].expand(2, -1), atol=1e-3)


def test_what_lies_behind_the_end_is_cut():
    assert mix([(tone(2.0), 0.9)], SECOND).samples.shape == (1, RATE)
