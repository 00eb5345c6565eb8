"""The gate makes pauses silent and leaves the speech alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skyreels_core.audio.gate import BLOCK_SECONDS, gate
from skyreels_core.errors import InputError

RATE = 16000
FADE = round(0.01 * RATE)


def tone(seconds: float, rate: int = RATE, level: float = 0.5) -> torch.Tensor:
    return level * torch.sin(2 * math.pi * 220 * torch.arange(round(seconds * rate)) / rate)


def hiss(seconds: float, rate: int = RATE, level: float = 1e-3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return level * torch.randn(round(seconds * rate), generator=generator)


def spoken(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat(parts)


def test_the_noise_of_a_pause_becomes_zeros_and_speech_stays_bit_for_bit():
    voice = spoken(tone(1), hiss(0.8), tone(1))
    gated, seconds = gate(voice, RATE)
    pause = slice(RATE, round(1.8 * RATE))
    assert gated[pause][FADE:-FADE].eq(0).all()
    assert torch.equal(gated[: pause.start], voice[: pause.start])
    assert torch.equal(gated[pause.stop :], voice[pause.stop :])
    assert seconds == pytest.approx(0.8)


def test_the_ends_of_a_pause_fade():
    voice = spoken(tone(1), hiss(0.8, level=0).add(1e-3), tone(1))
    gated, _ = gate(voice, RATE)
    pause = gated[RATE : round(1.8 * RATE)]
    assert pause[:FADE].diff().max() < 0 < pause[-FADE:].diff().min()
    assert gated.sub(voice).diff().abs().max() <= 1e-3 / FADE


def test_noise_before_and_after_the_voice_goes_without_a_fade():
    gated, seconds = gate(spoken(hiss(0.5), tone(1), hiss(0.5)), RATE)
    assert gated[: RATE // 2 - FADE].eq(0).all() and gated[-RATE // 2 + FADE :].eq(0).all()
    assert seconds == pytest.approx(1.0)


def test_short_pauses_belong_to_the_speech():
    voice = spoken(tone(1), hiss(0.24), tone(1))
    gated, seconds = gate(voice, RATE)
    assert torch.equal(gated, voice) and seconds == 0


def test_a_quiet_voice_is_gated_as_a_loud_one():
    voice = spoken(tone(1), hiss(0.8), tone(1))
    loud, quiet = gate(voice, RATE), gate(voice / 256, RATE)
    assert torch.equal(loud[0], quiet[0] * 256) and loud[1] == quiet[1]


def test_one_word_in_much_silence_is_the_speech():
    voice = spoken(hiss(20), tone(0.2), hiss(20))
    gated, seconds = gate(voice, RATE)
    assert torch.equal(gated[20 * RATE : round(20.2 * RATE)], tone(0.2)) and seconds == pytest.approx(40)


def test_a_click_does_not_raise_what_counts_as_loud():
    voice = spoken(tone(2, level=0.01), hiss(0.5, level=1e-5), torch.ones(20), tone(2, level=0.01))
    gated, _ = gate(voice, RATE)
    assert torch.equal(gated[: 2 * RATE], voice[: 2 * RATE])


def test_channels_are_gated_together():
    left = spoken(tone(1), hiss(0.8), hiss(0.8))
    right = spoken(tone(1), tone(0.8), hiss(0.8))
    gated, seconds = gate(torch.stack([left, right]), RATE)
    assert torch.equal(gated[0, : round(1.8 * RATE)], left[: round(1.8 * RATE)])
    assert gated[:, round(1.8 * RATE) + FADE :].eq(0).all() and seconds == pytest.approx(0.8)


def test_a_threshold_further_down_keeps_the_noise():
    voice = spoken(tone(1), hiss(0.8), tone(1))
    assert torch.equal(gate(voice, RATE, threshold_db=-70)[0], voice)


def test_a_voice_that_is_silent_throughout_is_one_pause():
    gated, seconds = gate(torch.zeros(2, RATE), RATE)
    assert gated.eq(0).all() and seconds == 1.0


def test_steady_noise_is_no_pause():
    assert torch.equal(gate(hiss(2), RATE)[0], hiss(2))


@pytest.mark.parametrize("length", [1, 100, 319, 321])
def test_very_short_voices_stay_as_they_are(length):
    voice = tone(1)[:length]
    gated, seconds = gate(voice, RATE)
    assert torch.equal(gated, voice) and seconds == 0


@pytest.mark.parametrize("threshold", [0.0, 6.0, -101.0, math.nan, -math.inf])
def test_a_threshold_that_makes_no_sense_is_refused(threshold):
    with pytest.raises(InputError, match="such as -45"):
        gate(tone(1), RATE, threshold)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), min_size=1, max_size=5),
    st.sampled_from([8000, 16000, 44100]),
)
def test_every_sample_is_kept_or_made_smaller_and_speech_is_kept(parts, rate):
    pieces = [piece for speech, pause in parts for piece in (tone(speech, rate), hiss(pause, rate))]
    # what a level is measured over: a word's first samples may lie in a quiet one
    block = round(BLOCK_SECONDS * rate)
    speaking = torch.cat([torch.full((len(piece),), index % 2 == 0) for index, piece in enumerate(pieces)])
    speaking &= speaking.roll(block) & speaking.roll(-block)
    voice = spoken(*pieces)
    gated, seconds = gate(voice, rate)
    assert torch.equal(gated[speaking], voice[speaking])
    assert (gated.abs() <= voice.abs()).all()
    assert seconds <= sum(pause for _, pause in parts) + 1e-3
    assert (gated == 0).sum() / rate == pytest.approx(seconds, abs=0.02 * (len(parts) + 1))
