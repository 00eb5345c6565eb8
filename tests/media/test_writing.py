from __future__ import annotations

import math
import os
import sys
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
import soxr
import torch

from skyreels_core.errors import InputError
from skyreels_core.media.encoding import CODECS, Encoding
from skyreels_core.media.muxing import PIECE, resampled, to_uint8
from skyreels_core.media.reading import read_picture, read_video
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import check_output, check_video, frame_rate, write_pictures, write_video

FILES = [(codec, suffix) for codec in CODECS for suffix in CODECS[codec].suffixes]
LOSSLESS = [(codec, suffix) for codec, suffix in FILES if CODECS[codec].lossless]
EVERY_WAY = [
    (name, exact) for name, codec in CODECS.items() for exact in (False, True)[: 1 + bool(codec.lossless)]
]


def waves(frames: int = 16, height: int = 96, width: int = 128) -> torch.Tensor:
    """A smooth moving clip [f h w 3]."""
    t, y, x = torch.meshgrid(torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij")
    red, green = torch.sin(x / 40 + t / 10), torch.cos(y / 35 - t / 12)
    return 0.5 + 0.3 * torch.stack([red, green, (red + green) / 2], -1)


def psnr(first: torch.Tensor, second: torch.Tensor) -> float:
    return -10 * math.log10((first - second).square().mean())


def tone(seconds: float, sample_rate: int = 16000, channels: int = 1) -> Audio:
    samples = 0.4 * torch.sin(torch.arange(round(seconds * sample_rate)) / sample_rate * 2 * math.pi * 300)
    return Audio(samples.expand(channels, -1).contiguous(), sample_rate)


def rms(samples: torch.Tensor) -> float:
    return float(samples.square().mean().sqrt())


def test_eight_bit_values_survive_floats_and_ties_round_one_way():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 255), levels)
    assert to_uint8(torch.tensor([-1.0, 0.4999 / 255, 0.5001 / 255, 1.7])).tolist() == [0, 0, 1, 255]


def test_a_float_rate_is_the_fraction_it_stands_for():
    assert frame_rate(30000 / 1001) == Fraction(30000, 1001)
    assert frame_rate(23.976) == Fraction(2997, 125) and frame_rate(12.5) == Fraction(25, 2)
    with pytest.raises(InputError, match="positive"):
        frame_rate(0)


@pytest.mark.parametrize(("codec", "suffix"), LOSSLESS)
@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_lossless_video_is_exact_at_any_size(tmp_path, codec, suffix, size):
    frames = torch.randint(0, 256, (5, *size, 3), generator=torch.Generator().manual_seed(0)) / 255
    write_video(tmp_path / f"a{suffix}", frames, 25.0, tone(0.2), Encoding(codec, lossless=True))
    assert torch.equal(read_video(tmp_path / f"a{suffix}").frames, frames)


@pytest.mark.parametrize("codec", CODECS)
def test_compressed_video_stays_close_to_its_frames(tmp_path, codec):
    write_video(tmp_path / "a.mkv", waves(), 25.0, encoding=Encoding(codec))
    assert psnr(read_video(tmp_path / "a.mkv").frames, waves()) > 45


@pytest.mark.parametrize("codec", CODECS)
def test_quality_is_the_crf(tmp_path, codec):
    for crf in (5, 45):
        write_video(tmp_path / f"{crf}.mkv", waves(), 25.0, encoding=Encoding(codec, crf))
    good, bad = (read_video(tmp_path / f"{crf}.mkv").frames for crf in (5, 45))
    assert psnr(good, waves()) > psnr(bad, waves()) + 5
    assert (tmp_path / "5.mkv").stat().st_size > (tmp_path / "45.mkv").stat().st_size


@pytest.mark.parametrize(("codec", "suffix"), FILES)
def test_the_same_frames_give_the_same_bytes(tmp_path, codec, suffix):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        write_video(path, waves(40), 25.0, tone(2), Encoding(codec), metadata={"prompt": "{}"})
    first, second = (path.read_bytes() for path in paths)
    assert first == second


@pytest.mark.parametrize("width", [16, 32, 34, 64, 66])
@pytest.mark.parametrize("height", [16, 32, 34, 64, 72])
@pytest.mark.parametrize("lossless", [False, True])
def test_small_pictures_give_the_same_bytes_too(tmp_path, width, height, lossless):
    frames = waves(12, height, width) + 0.2 * torch.rand(12, height, width, 3)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_video(tmp_path / name, frames, 25.0, encoding=Encoding("h265", lossless=lossless))
        other = torch.rand(12, height, width, 3)  # leaves other things in memory
        write_video(tmp_path / "other.mp4", other, 25.0, encoding=Encoding("h265"))
    assert len({(tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4")}) == 1


@pytest.mark.parametrize("frames", [1, 2])
def test_one_or_two_frames_of_h265_are_a_video_each_time(tmp_path, frames):
    clip, found = waves(frames), []
    for _ in range(12):  # x265 reads decoding times from memory that nobody has set
        write_video(tmp_path / "a.mp4", clip, 25.0, tone(0.1), Encoding("h265"))
        found.append((tmp_path / "a.mp4").read_bytes())
        assert len(read_video(tmp_path / "a.mp4").frames) == frames
        write_video(tmp_path / "other.mkv", torch.rand(frames, 96, 128, 3), 25.0, encoding=Encoding("h265"))
    assert len(set(found)) == 1


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system cannot hide cores from a thread"
)
# the last two of one coding tree unit's width
@pytest.mark.parametrize("size", [(64, 96), (95, 63), (32, 32)])
@pytest.mark.parametrize(("codec", "lossless"), EVERY_WAY)
def test_the_bytes_do_not_depend_on_the_number_of_cores(tmp_path, codec, lossless, size):
    frames, cores = waves(20, *size), os.sched_getaffinity(0)
    write_video(tmp_path / "all.mkv", frames, 25.0, encoding=Encoding(codec, lossless=lossless))
    try:
        os.sched_setaffinity(0, {min(cores)})
        write_video(tmp_path / "one.mkv", frames, 25.0, encoding=Encoding(codec, lossless=lossless))
    finally:
        os.sched_setaffinity(0, cores)
    assert (tmp_path / "all.mkv").read_bytes() == (tmp_path / "one.mkv").read_bytes()


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "h264"), (".mov", "h264"), (".mkv", "h264"), (".webm", "vp9")]
)
def test_a_file_gets_its_usual_codec(tmp_path, suffix, codec):
    write_video(tmp_path / f"a{suffix}", waves(2), 25.0)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == codec


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("lossless", [False, True])
def test_apples_players_know_h265_by_its_tag(tmp_path, suffix, lossless):
    write_video(tmp_path / f"a{suffix}", waves(2), 25.0, encoding=Encoding("h265", lossless=lossless))
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize(
    ("name", "encoding", "words"),
    [
        ("a.mov", Encoding("vp9"), "cannot hold vp9. Give a name that ends in .mp4 or .mkv or .webm"),
        ("a.webm", Encoding("h264"), "cannot hold h264"),
        ("a.mp4", Encoding("mpeg1"), "'mpeg1' is unknown; use one of h264, h265, av1, vp9"),
        ("a.mp4", Encoding("h264", 52), "is 52; h264 takes 0, the best, to 51"),
        ("a.mp4", Encoding("av1", -1), "is -1; av1 takes 0, the best, to 63"),
        ("a.mp4", Encoding("av1", lossless=True), "av1 cannot be lossless; h264, h265, vp9 can"),
    ],
)
def test_an_encoding_that_cannot_be_had_is_refused_before_the_work(tmp_path, name, encoding, words):
    for attempt in (check_video, lambda path, encoding: write_video(path, [], 25.0, encoding=encoding)):
        with pytest.raises(InputError, match=words):
            attempt(tmp_path / name, encoding)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_what_is_said_about_a_video_is_in_it(tmp_path, suffix):
    write_video(tmp_path / f"a{suffix}", waves(2), 25.0, metadata={"prompt": '{"1": "影片"}'})
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["prompt"] == '{"1": "影片"}'


def test_colours_are_tagged_as_they_were_converted(tmp_path):
    write_video(tmp_path / "a.mp4", waves(2), 25.0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        tagged = container.streams.video[0].codec_context
        tags = tagged.colorspace, tagged.color_primaries, tagged.color_trc, tagged.color_range
        assert tagged.pix_fmt == "yuv420p" and tags == (1, 1, 1, 1)


@pytest.mark.parametrize("fps", [25.0, 23.976, 30000 / 1001, 24.123456, 8.0])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_frame_count_rate_and_length_are_exact(tmp_path, fps, suffix):
    path = tmp_path / f"ein Film 影片.{suffix}"
    assert write_video(path, waves(29, 32, 32), fps, tone(3)) == 29
    video = read_video(path)
    assert len(video.frames) == 29 and video.fps == pytest.approx(fps, rel=1e-6)
    assert abs(video.audio.seconds - 29 / fps) <= 1024 / 48000  # one AAC frame


@pytest.mark.parametrize(("sample_rate", "channels"), [(16000, 1), (44100, 2), (48000, 1), (22050, 6)])
def test_a_long_voice_is_cut_with_the_video(tmp_path, sample_rate, channels):
    write_video(tmp_path / "a.mp4", waves(25, 32, 32), 25.0, tone(3, sample_rate, channels))
    audio = read_audio(tmp_path / "a.mp4")
    assert abs(audio.seconds - 1) <= 1024 / 44100
    assert rms(audio.samples) == pytest.approx(0.4 / math.sqrt(2), rel=0.03)


def test_a_short_voice_is_followed_by_silence(tmp_path):
    write_video(tmp_path / "a.mp4", waves(50, 32, 32), 25.0, tone(1))
    audio = read_audio(tmp_path / "a.mp4")
    assert abs(audio.seconds - 2) <= 1024 / 48000
    assert rms(audio.samples[:, : audio.sample_rate]) > 0.25
    assert rms(audio.samples[:, round(1.05 * audio.sample_rate) :]) < 1e-3


@pytest.mark.parametrize(("sample_rate", "channels"), [(16000, 1), (22050, 2), (44100, 6), (48000, 1)])
@pytest.mark.parametrize("samples", [0, 1, PIECE, 3 * PIECE + 7])
def test_a_voice_in_pieces_is_the_whole_voice(sample_rate, channels, samples):
    generator = torch.Generator().manual_seed(0)
    voice = Audio(torch.rand(channels, samples, generator=generator) - 0.5, sample_rate)
    mixed = voice.samples.mean(0, keepdim=True) if channels > 2 else voice.samples
    whole = soxr.resample(mixed.T.numpy(), sample_rate, 48000, quality="HQ").T
    rounding = 1e-6 if channels > 2 else 0  # of the mean of channels
    pieces = np.concatenate(list(resampled(voice, 48000)), axis=1)
    np.testing.assert_allclose(pieces, whole, atol=rounding, rtol=0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_voice_starts_with_the_first_frame(tmp_path, suffix):
    samples = torch.zeros(1, 48000)
    samples[:, 24000:24200] = 0.5
    write_video(tmp_path / f"a{suffix}", waves(25, 32, 32), 25.0, Audio(samples, 48000))
    heard = read_audio(tmp_path / f"a{suffix}").samples[0].abs()
    assert abs(int((heard > 0.25).float().argmax()) - 24000) < 100


def test_frames_are_not_kept_in_memory(tmp_path):
    taken, most = [], 0

    def stream():
        nonlocal most
        for index in range(20):
            most = max(most, sum(reference() is not None for reference in taken))
            frame = torch.full((32, 32, 3), index / 20)
            taken.append(weakref.ref(frame))
            yield frame
            del frame

    assert write_video(tmp_path / "a.mp4", stream(), 25.0) == 20
    assert most <= 2  # the first, which tells the size, and the one in work


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_broken_run_leaves_no_file_and_keeps_the_old_one(tmp_path, failure):
    (tmp_path / "a.mp4").write_bytes(b"old")

    def stream():
        yield from waves(3, 32, 32)
        raise failure

    with pytest.raises(failure):
        write_video(tmp_path / "a.mp4", stream(), 25.0, tone(1))
    assert os.listdir(tmp_path) == ["a.mp4"] and (tmp_path / "a.mp4").read_bytes() == b"old"


def test_a_written_video_replaces_the_old_one_and_has_usual_rights(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"old")
    write_video(tmp_path / "a.mp4", waves(3, 32, 32), 25.0)
    plain = tmp_path / "plain"
    plain.touch()
    assert len(read_video(tmp_path / "a.mp4").frames) == 3
    assert (tmp_path / "a.mp4").stat().st_mode == plain.stat().st_mode


def test_an_odd_side_gains_one_repeated_line_and_says_so(tmp_path, caplog):
    write_video(tmp_path / "a.mp4", waves(3, 33, 47), 25.0)
    frames = read_video(tmp_path / "a.mp4").frames
    assert frames.shape == (3, 34, 48, 3) and psnr(frames[:, :33, :47], waves(3, 33, 47)) > 40
    assert "47x33 has an odd side" in caplog.text


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.avi", "ends in"), ("a", "ends in"), ("missing/a.mp4", "is not a folder"), ("", "is a folder")],
)
def test_an_output_that_cannot_be_made_is_refused_before_the_work(tmp_path, name, words):
    def stream():
        pytest.fail("work began")
        yield

    with pytest.raises(InputError, match=words):
        write_video(tmp_path / name, stream(), 25.0)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="no folder in which not even root can make a file")
def test_a_folder_that_takes_no_file_is_named():
    with pytest.raises(InputError, match="no file can be created in"):
        check_output("/proc/a.mp4")


def test_check_output_leaves_nothing_behind(tmp_path):
    assert check_output(tmp_path / "a.MP4") == tmp_path / "a.MP4"
    assert os.listdir(tmp_path) == []


def test_frames_that_make_no_video_are_refused(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_video(tmp_path / "a.mp4", [], 25.0)
    with pytest.raises(InputError, match=r"Frame 1 is \(32, 48, 3\), the first was \(32, 32, 3\)"):
        write_video(tmp_path / "a.mp4", [torch.rand(32, 32, 3), torch.rand(32, 48, 3)], 25.0)
    with pytest.raises(InputError, match="NaN"):
        write_video(tmp_path / "a.mp4", torch.full((2, 32, 32, 3), torch.nan), 25.0)
    assert os.listdir(tmp_path) == []


def test_pictures_are_numbered_and_exact(tmp_path):
    frames = torch.randint(0, 256, (3, 16, 16, 3)) / 255
    assert write_pictures(tmp_path, iter(frames)) == 3
    assert sorted(os.listdir(tmp_path)) == ["00000.png", "00001.png", "00002.png"]
    assert torch.equal(read_picture(tmp_path / "00002.png"), frames[2])
