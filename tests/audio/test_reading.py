"""Any sound file gives the samples that were put into it, and a bad one says what is wrong with it."""

from __future__ import annotations

import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
import torch
from av.stream import Disposition

from skyreels_core.audio.reading import cut_voice, mono_16k, write_wav
from skyreels_core.errors import InputError
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.timeline import Timeline

LAYOUTS = {"mono": 1, "stereo": 2, "5.1": 6}


def chirps(channels: int, rate: int, seconds: float = 0.5) -> np.ndarray:
    """[c n]: sweeps below 2 kHz, each channel its own, with silence at both ends."""
    time = np.arange(round(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * (200 * (c + 1) * time + 300 * time**2)) for c in range(channels)]
    return (0.7 * np.stack(tones) * np.sin(np.pi * time / seconds) ** 2).astype(np.float32)


def encode(path, samples, rate, codec, layout="mono", sound_at=0.0, pictures_at=None):
    """Writes `samples` [c n] through PyAV, in a video if `pictures_at` says when its pictures begin."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 128_000 * len(samples)
        if pictures_at is not None:
            add_pictures(container, pictures_at)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, round(sound_at * rate), Fraction(1, rate)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        container.mux(stream.encode(resampler.resample(frame)[0]))
        container.mux(stream.encode(None))


def add_pictures(container, seconds=0.0):
    stream = container.add_stream("libx264", rate=25, width=16, height=16)
    for i in range(5):
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
        frame.pts = round(seconds * 25) + i
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", LAYOUTS.values())
@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_U8", 1 / 127),
        ("a.wav", "PCM_16", 1 / 32767),
        ("a.wav", "PCM_24", 1 / 8388607),
        ("a.wav", "PCM_32", 1e-7),
        ("a.wav", "FLOAT", 0),
        ("a.wav", "DOUBLE", 0),
        ("a.flac", "PCM_24", 1 / 8388607),
    ],
)
def test_lossless_files_give_their_samples(tmp_path, name, subtype, error, channels, rate):
    samples = chirps(channels, rate, 0.1)
    soundfile.write(tmp_path / name, samples.T, rate, subtype=subtype)
    audio = read_audio(tmp_path / name)
    assert (audio.sample_rate, audio.samples.dtype) == (rate, torch.float32)
    torch.testing.assert_close(audio.samples, torch.from_numpy(samples), atol=error, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "codec", "rate", "error"),
    [
        ("a.m4a", "alac", 44100, 1 / 32767),
        ("a.mov", "pcm_s16le", 22050, 1 / 32767),
        ("a.mkv", "pcm_s32le", 96000, 1e-6),
        ("a.mka", "flac", 48000, 1 / 32767),
    ],
)
def test_containers_give_exactly_the_samples_that_were_encoded(tmp_path, name, codec, rate, error, layout):
    samples = chirps(LAYOUTS[layout], rate)
    encode(tmp_path / name, samples, rate, codec, layout)
    audio = read_audio(tmp_path / name)
    assert (audio.sample_rate, audio.seconds) == (rate, 0.5)
    torch.testing.assert_close(audio.samples, torch.from_numpy(samples), atol=error, rtol=0)


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_m4a_ends_with_its_sound_and_not_with_the_padding_of_the_encoder(tmp_path, layout, rate):
    samples = chirps(LAYOUTS[layout], rate)
    encode(tmp_path / "a.m4a", samples, rate, "aac", layout)
    audio = read_audio(tmp_path / "a.m4a")
    assert audio.seconds == 0.5
    torch.testing.assert_close(audio.samples, torch.from_numpy(samples), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.mp3", "MPEG_LAYER_III"), ("a.ogg", "VORBIS"), ("a.ogg", "OPUS")]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_compressed_files_keep_length_and_place(tmp_path, name, subtype, channels):
    samples = chirps(channels, 48000)
    soundfile.write(tmp_path / name, samples.T, 48000, subtype=subtype)
    audio = read_audio(tmp_path / name)
    assert audio.seconds == 0.5
    torch.testing.assert_close(audio.samples, torch.from_numpy(samples), atol=0.1, rtol=0)


def test_the_sound_of_a_video_is_read(tmp_path):
    samples = torch.from_numpy(chirps(2, 48000))
    encode(tmp_path / "a.mp4", samples.numpy(), 48000, "aac", "stereo", pictures_at=0)
    torch.testing.assert_close(read_audio(tmp_path / "a.mp4").samples, samples, atol=0.01, rtol=0)


@pytest.mark.parametrize("name", ["a.mkv", "a.mov"])
def test_the_sound_of_a_video_begins_with_its_first_picture(tmp_path, name):
    samples = chirps(1, 48000)
    encode(tmp_path / name, samples, 48000, "pcm_s16le", pictures_at=0.2)
    expected = torch.from_numpy(samples[:, 9600:])
    torch.testing.assert_close(read_audio(tmp_path / name).samples, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["a.mkv", "a.mov"])
def test_sound_that_begins_after_the_first_picture_keeps_its_place(tmp_path, name):
    samples = chirps(1, 48000)
    encode(tmp_path / name, samples, 48000, "pcm_s16le", sound_at=0.1, pictures_at=0)
    expected = torch.from_numpy(np.pad(samples, ((0, 0), (4800, 0))))
    torch.testing.assert_close(read_audio(tmp_path / name).samples, expected, atol=1e-4, rtol=0)


def test_a_cover_picture_does_not_move_the_sound(tmp_path):
    samples = chirps(1, 48000)
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        sound = container.add_stream("alac", rate=48000, layout="mono")
        cover = container.add_stream("png", rate=25, width=16, height=16, pix_fmt="rgb24")
        cover.disposition = Disposition.attached_pic.value  # PyAV 16 takes no flag
        container.mux(cover.encode(av.VideoFrame(16, 16, "rgb24")))
        frame = av.AudioFrame.from_ndarray(np.int16(samples * 32767), format="s16p", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 4800, Fraction(1, 48000)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    read = read_audio(tmp_path / "a.m4a").samples
    torch.testing.assert_close(read, torch.from_numpy(samples), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "name", ["Müllers Stimme/声音 🎤.wav", "take 12:30.wav", "100 %s#1?.wav", "100 %s#1, 2.wav"]
)
def test_any_folder_and_name_will_do(tmp_path, monkeypatch, name):
    if sys.platform == "win32" and set(name) & set(":?"):
        pytest.skip("no such name on Windows")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write_wav(tmp_path / name, Audio(torch.full((1, 8), 0.5), 48000))
    encode(tmp_path / "a.m4a", chirps(1, 48000), 48000, "aac")
    (tmp_path / "a.m4a").rename((tmp_path / name).with_suffix(".m4a"))
    monkeypatch.chdir(tmp_path)
    assert read_audio(name).samples.tolist() == [[0.5] * 8]
    assert read_audio(str((tmp_path / name).relative_to(tmp_path).with_suffix(".m4a"))).seconds == 0.5


def test_a_title_that_is_no_unicode_does_not_matter(tmp_path):
    encode(tmp_path / "a.m4a", chirps(1, 48000), 48000, "aac")
    tagged = (tmp_path / "a.m4a").read_bytes().replace(b"Lavf", b"L\xe4vf")
    (tmp_path / "a.m4a").write_bytes(tagged)
    assert read_audio(tmp_path / "a.m4a").seconds == 0.5


def test_what_is_written_is_read_back(tmp_path):
    samples = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0)) * 3
    write_wav(tmp_path / "a.wav", Audio(samples, 44100))
    audio = read_audio(tmp_path / "a.wav")
    assert audio.sample_rate == 44100
    assert torch.equal(audio.samples, samples)


def refused(path, words):
    with pytest.raises(InputError, match=words) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path / "nothing.wav", "There is no file")


def test_a_folder_is_no_sound(tmp_path):
    refused(tmp_path, "is a folder")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.mp4"])
def test_a_file_that_is_no_sound_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(4096))
    refused(tmp_path / name, "cannot be read as sound")


def test_samples_without_a_header_are_refused(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(4096))
    refused(tmp_path / "a.raw", "no sound track")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    refused(tmp_path / "a.wav", "cannot be read as sound")


def test_a_video_cut_off_before_its_index_is_refused(tmp_path):
    encode(tmp_path / "whole.mp4", chirps(1, 48000), 48000, "aac", pictures_at=0)
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:2000])
    refused(tmp_path / "cut.mp4", "is truncated")


def test_a_silent_video_says_that_it_has_no_sound_track(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        add_pictures(container)
    refused(tmp_path / "a.mp4", "no sound track")


def test_a_file_without_samples_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 1)), 48000)
    refused(tmp_path / "a.wav", "holds no samples")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, value):
    soundfile.write(tmp_path / "a.wav", np.array([0, value, 0]), 48000, subtype="FLOAT")
    refused(tmp_path / "a.wav", "not numbers")


@pytest.mark.parametrize("rate", [1, 3999, 384_001, 2_000_000_000])
def test_an_absurd_sample_rate_is_refused(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(8), rate)
    refused(tmp_path / "a.wav", f"sample rate of {rate} Hz")


def test_less_than_a_frame_of_sound_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(3), 48000)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.samples.shape == (1, 3)
    assert mono_16k(audio).shape == (1,)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("length", [1, 3, 320, 12345, 96001])
def test_16_khz_keeps_the_length_to_the_nearest_sample(rate, length):
    assert mono_16k(Audio(torch.zeros(2, length), rate)).shape == (round(length * 16000 / rate),)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_16_khz_is_the_same_sound_in_the_same_place(rate):
    resampled = mono_16k(Audio(torch.from_numpy(chirps(1, rate)), rate))
    torch.testing.assert_close(resampled, torch.from_numpy(chirps(1, 16000)[0]), atol=2e-4, rtol=0)


def test_what_16_khz_cannot_hold_is_filtered_out():
    tone = torch.sin(2 * torch.pi * 10_000 / 48000 * torch.arange(48000, dtype=torch.float64))
    tone = (tone * torch.hann_window(48000)).float()
    assert mono_16k(Audio(tone[None], 48000)).abs().max() < 1e-4


def test_16_khz_is_the_mean_of_the_channels():
    samples = torch.from_numpy(chirps(6, 16000))
    assert torch.equal(mono_16k(Audio(samples, 16000)), samples.mean(0))


@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_voice_is_cut_to_the_frames_or_followed_by_silence(seconds):
    voice = Audio(torch.ones(2, round(seconds * 44100)), 44100)
    cut = cut_voice(voice, Timeline(30, 30000 / 1001)).samples
    assert cut.shape == (2, round(1.001 * 44100))
    spoken = min(voice.samples.shape[1], cut.shape[1])
    assert cut[:, :spoken].eq(1).all() and cut[:, spoken:].eq(0).all()
