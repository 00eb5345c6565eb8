"""A voice is heard at the loudness that was asked for; what is silent or short is safe."""

from __future__ import annotations

import math

import pytest
import torch

from skyreels_core import assets
from skyreels_core.audio.loudness import loudness, to_loudness
from skyreels_core.audio.preprocessing import AudioPreprocessing
from skyreels_core.audio.reading import encoder_samples, mono_16k
from skyreels_core.errors import InputError
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.timeline import Timeline

RATE = 16000


@pytest.fixture(scope="module")
def voice():
    return mono_16k(read_audio(assets.voice(1)))


def tone(hertz: float, decibels: float, rate: int, seconds: float = 20) -> torch.Tensor:
    """A sine whose peak lies `decibels` against full scale."""
    phase = 2 * math.pi * hertz * torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return (10 ** (decibels / 20) * torch.sin(phase)).float()


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_full_scale_tone_of_997_hz_has_the_loudness_that_the_standard_gives_it(rate):
    assert loudness(tone(997, 0, rate), rate) == pytest.approx(-3.01, abs=0.1)  # EBU Tech 3341's tolerance


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    ],
)
def test_stereo_tones_of_ebu_tech_3341_measure_what_it_requires(levels, expected):
    parts = torch.cat([tone(1000, level, 48000, seconds) for level, seconds in levels])
    assert loudness(torch.stack([parts, parts]), 48000) == pytest.approx(expected, abs=0.1)


def test_a_recorded_voice_measures_what_it_always_has(voice):
    """Of pyloudnorm 0.2.0 in float64: what the MultiTalk family hears does not change with a version of it."""
    assert loudness(voice, RATE) == pytest.approx(-22.643544800590007, abs=1e-5)
    assert loudness(voice[:8000], RATE) == pytest.approx(-21.808546974790953, abs=1e-5)


def test_pauses_do_not_count(voice):
    paused = torch.cat([voice, torch.zeros(5 * RATE)])
    assert loudness(paused, RATE) == pytest.approx(loudness(voice, RATE), abs=0.3)


@pytest.mark.parametrize("target", [-40.0, -23.0, -10.0])
def test_a_voice_is_brought_to_the_target_by_one_gain(voice, target):
    quiet = 0.05 * torch.stack([voice, voice.roll(7)])
    levelled = to_loudness(quiet, RATE, target)
    assert loudness(levelled, RATE) == pytest.approx(target, abs=1e-3)
    gains = (levelled / quiet)[quiet.abs() > 1e-6]
    torch.testing.assert_close(gains, gains[:1].expand_as(gains))


@pytest.mark.parametrize("samples", [0, 1, 100, 6399, 6400, 6401, 20000])
def test_silence_stays_as_it_is(samples):
    assert torch.equal(to_loudness(torch.zeros(samples), RATE), torch.zeros(samples))


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 96000])
@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.399, 0.4, 0.401])
def test_a_voice_shorter_than_a_block_is_levelled_too(seconds, rate):
    short = tone(440, -20, rate, seconds)
    levelled = to_loudness(short, rate)
    assert levelled.shape == short.shape and levelled.isfinite().all()
    assert loudness(levelled, rate) == pytest.approx(-23, abs=0.01)


class TestAudioPreprocessing:
    def test_without_a_wish_the_voice_is_heard_as_it_is(self, voice):
        timeline = Timeline.from_seconds(len(voice) / RATE, 25)
        samples, lines = AudioPreprocessing().of(Audio(voice[None], RATE), timeline)
        assert torch.equal(samples, encoder_samples(Audio(voice[None], RATE), timeline)) and lines == []

    def test_what_is_done_is_said_and_the_users_sound_stays(self, voice):
        audio = Audio(0.05 * voice[None], RATE)
        given = audio.samples.clone()
        samples, lines = AudioPreprocessing(loudness=-23).of(audio, Timeline.from_seconds(audio.seconds, 25))
        assert loudness(samples, RATE) == pytest.approx(-23, abs=1e-3)
        assert torch.equal(audio.samples, given)
        assert lines == [
            "Voice normalised from -48.7 to -23 LUFS for the model.",
            "The sound of the video is unchanged.",
        ]

    def test_a_peak_over_full_scale_is_said_and_kept(self, voice):
        samples, (line, _) = AudioPreprocessing(loudness=-5).of(Audio(voice[None], RATE), Timeline(100, 25))
        assert samples.abs().max() > 1
        assert "over full scale" in line and "it is not clipped" in line

    def test_a_silent_voice_is_named(self):
        samples, (line, _) = AudioPreprocessing(loudness=-23).of(
            Audio(torch.zeros(2, 48000), 48000), Timeline(25, 25)
        )
        assert samples.eq(0).all() and "is silent" in line

    def test_pauses_are_silent_before_the_level_is_measured(self):
        rate, hiss = RATE, 1e-3 * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0))
        noisy = Audio(torch.cat([tone(220, -20, rate, 2), hiss])[None], rate)
        samples, lines = AudioPreprocessing(gate=-30, loudness=-23).of(noisy, Timeline(100, 25))
        assert samples[2 * rate + 400 :].eq(0).all()
        assert loudness(samples, rate) == pytest.approx(-23, abs=1e-3)
        assert lines[0] == "2.0 s of pauses were muted for the model."

    @pytest.mark.parametrize("target", [-71.0, -4.0, 0.0, math.nan, -math.inf])
    def test_a_loudness_that_makes_no_sense_is_refused(self, target):
        with pytest.raises(InputError, match="such as -23"):
            AudioPreprocessing(loudness=target)

    def test_a_threshold_that_makes_no_sense_is_refused(self):
        with pytest.raises(InputError, match="such as -45"):
            AudioPreprocessing(gate=3.0)
