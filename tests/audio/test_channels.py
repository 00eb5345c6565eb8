"""A voice keeps its level whatever channels it stands in, for the speech encoder and in the video."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch
from sounds import RATE, encode, rms, voice

from skyreels_core.audio.reading import cut_voice, mono_16k
from skyreels_core.media.channels import layout_of, remix, to_mono_or_stereo
from skyreels_core.media.muxing import mono_or_stereo
from skyreels_core.media.reading import read_video
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import write_video
from skyreels_core.timeline import Timeline

LAYOUTS = {"mono": 1, "stereo": 2, "3.0": 3, "quad": 4, "5.0": 5, "5.1": 6, "5.1(side)": 6, "7.1": 8}
SPOKEN = voice(2.0)


def placed(channels: int, *where: int, scale: float = 1.0) -> torch.Tensor:
    samples = torch.zeros(channels, len(SPOKEN))
    samples[list(where)] = scale * torch.from_numpy(SPOKEN)
    return samples


def heard(samples: torch.Tensor, layout: str = "") -> float:
    return rms(mono_16k(Audio(samples, RATE, layout)))


LEVEL = heard(placed(1, 0))


class TestHeard:
    @pytest.mark.parametrize(("layout", "channels"), LAYOUTS.items())
    def test_the_only_channel_with_sound_is_taken_as_it_is(self, layout, channels):
        for channel in range(channels):
            assert heard(placed(channels, channel), layout) == pytest.approx(LEVEL, rel=1e-6)

    @pytest.mark.parametrize("hiss", [1e-4, 1e-3])
    def test_a_dead_channel_that_hisses_is_still_dead(self, hiss):
        samples = placed(2, 0) + hiss * torch.randn(
            2, len(SPOKEN), generator=torch.Generator().manual_seed(0)
        )
        assert heard(samples, "stereo") == pytest.approx(LEVEL, rel=0.01)

    @pytest.mark.parametrize(("layout", "channels"), list(LAYOUTS.items())[1:])
    def test_a_voice_in_the_middle_keeps_its_level(self, layout, channels):
        behind = 0.05 * torch.randn(channels, len(SPOKEN), generator=torch.Generator().manual_seed(0))
        for where in [(0, 1), *([(2,)] if layout[0] in "357" else [])]:
            spoken = mono_16k(Audio(placed(channels, *where) + behind, RATE, layout))
            clean = mono_16k(Audio(placed(1, 0), RATE))
            assert float(spoken @ clean / clean.square().sum()) == pytest.approx(1, abs=0.02)

    def test_low_frequency_effects_are_left_out(self):
        samples = placed(6, 2)
        samples[3] = 0.8 * torch.sin(torch.arange(len(SPOKEN)) * 2 * torch.pi * 40 / RATE)
        assert heard(samples, "5.1") == pytest.approx(LEVEL, rel=1e-3)

    def test_a_word_of_the_other_speaker_is_heard(self):
        samples = placed(2, 0).repeat(1, 60)
        samples[0, : RATE // 2] = 0
        samples[1, : RATE // 2] = torch.from_numpy(SPOKEN)[: RATE // 2]
        assert rms(mono_16k(Audio(samples, RATE))[:8000]) > 0.4 * rms(SPOKEN[: RATE // 2])


class TestCancelling:
    def inverted(self, other: torch.Tensor | None = None) -> torch.Tensor:
        samples = placed(2, 0, 1)
        samples[1] *= -1
        return samples if other is None else samples + other

    def test_one_inverted_channel_of_two(self, caplog):
        audio = Audio(self.inverted(), RATE, "stereo", name="take.wav")
        assert torch.equal(mono_16k(audio), mono_16k(Audio(placed(1, 0), RATE)))
        assert caplog.text.count("take.wav: its channels cancel out") == 1

    @pytest.mark.parametrize("scale", [0.5, 0.8, 1.3])
    def test_channels_of_unequal_level(self, scale):
        samples = self.inverted() * torch.tensor([[1.0], [scale]])
        assert heard(samples) == pytest.approx(LEVEL * max(1, scale), rel=0.02)

    def test_with_a_room_around_them(self, caplog):
        room = 0.03 * torch.randn(2, len(SPOKEN), generator=torch.Generator().manual_seed(0))
        assert heard(self.inverted(room)) == pytest.approx(LEVEL, rel=0.05)
        assert "cancel out" in caplog.text

    def test_only_some_of_the_time(self, caplog):
        samples = torch.cat([placed(2, 0, 1), self.inverted(), placed(2, 0, 1)], dim=1)
        spoken = mono_16k(Audio(samples, RATE))
        for second in range(6):
            part = spoken[second * 16000 : (second + 1) * 16000]
            assert rms(part) == pytest.approx(LEVEL, rel=0.05)
        assert "cancel out for 2.0 s" in caplog.text

    def test_the_sides_of_a_surround_recording(self):
        samples = placed(6, 0, 1)
        samples[1] *= -1
        assert (
            heard(samples, "5.1") == pytest.approx(LEVEL / 2, rel=0.01) or heard(samples, "5.1") > 0.9 * LEVEL
        )

    @pytest.mark.parametrize("pitch", [200, 200.5, 301])
    def test_channels_of_their_own_do_not_cancel(self, caplog, pitch):
        other = torch.from_numpy(voice(2.0, pitch=pitch)) * 0.7
        heard(torch.stack([torch.from_numpy(SPOKEN), other]))
        assert caplog.text == ""

    def test_a_video_keeps_them_as_they_are(self, tmp_path):
        audio = Audio(self.inverted(), RATE, "stereo")
        write_video(tmp_path / "a.mp4", torch.zeros(50, 32, 32, 3), 25.0, audio)
        left, right = read_audio(tmp_path / "a.mp4").samples
        assert rms(left) == pytest.approx(rms(SPOKEN), rel=0.02) and rms(left + right) < 0.02


class TestWritten:
    @pytest.mark.parametrize(
        ("layout", "where"),
        [("mono", (0,)), ("stereo", (0, 1)), ("stereo", (1,)), ("5.1", (2,)), ("7.1", (2,)), ("quad", (3,))],
    )
    @pytest.mark.parametrize("suffix", ["mp4", "webm"])
    def test_a_video_carries_the_voice_at_its_level(self, tmp_path, layout, where, suffix):
        audio = Audio(placed(LAYOUTS[layout], *where), RATE, layout)
        write_video(tmp_path / f"a.{suffix}", torch.zeros(50, 32, 32, 3), 25.0, audio)
        written = read_video(tmp_path / f"a.{suffix}").audio
        assert len(written.samples) == min(LAYOUTS[layout], 2) if layout == "stereo" else 1
        for channel in written.samples[list(where) if layout == "stereo" else [0]]:
            assert abs(20 * np.log10(rms(channel) / rms(SPOKEN))) < 0.1

    def test_more_than_two_channels_become_left_and_right(self):
        samples = 0.1 * torch.eye(6).repeat(1, 1000)
        left, right = to_mono_or_stereo(samples, "5.1")[:, :6] / 0.1
        half = 0.5**0.5
        torch.testing.assert_close(left, torch.tensor([1, 0, half, 0, half, 0]))
        torch.testing.assert_close(right, torch.tensor([0, 1, half, 0, 0, half]))

    def test_a_mix_that_would_clip_is_turned_down(self):
        samples = torch.rand(6, 4800, generator=torch.Generator().manual_seed(0)) * 0.95
        assert to_mono_or_stereo(samples, "5.1").abs().max() == pytest.approx(1)

    def test_nobody_knows_left_and_right_of_nine_channels(self):
        samples = placed(9, 3, 7)
        assert torch.equal(
            mono_or_stereo(Audio(samples, RATE)).samples, samples[[3, 7]].mean(0, keepdim=True)
        )

    def test_a_cut_voice_keeps_its_places(self):
        assert cut_voice(Audio(placed(6, 2), RATE, "5.1"), Timeline(25, 25)).layout == "5.1"


class TestLayouts:
    def test_a_file_that_states_none_has_the_usual_one(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", placed(6, 2).T.numpy(), RATE)
        audio = read_audio(tmp_path / "a.wav")
        assert audio.layout == "5.1" and rms(mono_16k(audio)) == pytest.approx(LEVEL, rel=1e-3)

    @pytest.mark.parametrize("channels", [8, 9, 16])
    @pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
    def test_many_channels_of_compressed_files(self, tmp_path, channels, codec):
        samples = placed(channels, *range(channels)).T.numpy()
        soundfile.write(tmp_path / "a.ogg", samples, RATE, format="OGG", subtype=codec)
        assert len(read_audio(tmp_path / "a.ogg").samples) == channels

    @pytest.mark.parametrize("layout", ["5.1", "5.1(side)", "quad", "3.0"])
    def test_a_file_that_states_one_has_it(self, tmp_path, layout):
        samples = placed(LAYOUTS[layout], 0).numpy()
        assert read_audio(encode(tmp_path / "a.mov", "pcm_s16le", samples, layout)).layout == layout

    @pytest.mark.parametrize(
        ("name", "channels", "layout"), [("9 channels", 9, ""), ("ambisonic 1", 4, "quad")]
    )
    def test_unknown_places(self, name, channels, layout):
        assert layout_of(name, channels) == layout

    @pytest.mark.parametrize(
        ("layout", "target", "level"),
        [
            ("mono", "stereo", [1, 1]),
            ("mono", "5.1", [0, 0, 1, 0, 0, 0]),
            ("mono", "quad", [1, 1, 0, 0]),
            ("stereo", "5.1", [1, 2, 0, 0, 0, 0]),
            ("quad", "5.1(side)", [1, 2, 0, 0, 3, 4]),
            ("5.1", "7.1", [1, 2, 3, 4, 5, 6, 0, 0]),
        ],
    )
    def test_other_layouts_keep_every_channel(self, layout, target, level):
        samples = np.arange(1, 1 + LAYOUTS[layout], dtype=np.float32)[:, None]
        assert remix(samples, layout, target, LAYOUTS[target])[:, 0].tolist() == level
