from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from skyreels_core.audio.reading import write_wav
from skyreels_core.errors import InputError
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.footage import open_video
from skyreels_core.media.reading import Video, read_video, resample_fps
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.writing import to_uint8, write_video

UNEVEN = [0, 40, 80, 200, 240, 280, 320, 400]  # ms


def clip(frames: int = 12, height: int = 32, width: int = 48) -> torch.Tensor:
    """Every frame of one grey level of its own, so that a frame tells its index."""
    levels = (torch.arange(frames) * 5 + 10) / 255
    return levels[:, None, None, None].expand(frames, height, width, 3).contiguous()


def indices(frames: torch.Tensor) -> list[int]:
    return ((frames[:, 0, 0, 0] * 255 - 10) / 5).round().int().tolist()


def save(path: Path, frames: torch.Tensor, times: list[int], unit: Fraction, **stream_settings) -> Path:
    """Frames at the given time stamps, FFV1 in Matroska unless `codec` says otherwise."""
    codec, pixel_format = stream_settings.pop("codec", "ffv1"), stream_settings.pop("pix_fmt", "bgr0")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=round(1 / unit))
        if stream_settings.pop("empty_sound", False):
            container.add_stream("aac", rate=48000)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        for name, value in stream_settings.items():
            setattr(stream, name, value)
        for time, frame in zip(times, frames, strict=True):
            picture = av.VideoFrame.from_ndarray(to_uint8(frame).numpy(), format="rgb24")
            picture.pts, picture.time_base = time, unit
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def yuv(rgb: torch.Tensor, red: float, blue: float, full: bool) -> list[int]:
    """8-bit Y, U, V of a colour by the definition: weights of red and blue in the luminance."""
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    chroma = [(rgb[2] - luma) / (2 - 2 * blue), (rgb[0] - luma) / (2 - 2 * red)]
    scales = (255, 255, 0) if full else (219, 224, 16)
    return [round(float(luma * scales[0] + scales[2])), *(round(float(c * scales[1] + 128)) for c in chroma)]


@pytest.mark.parametrize("fps", [25.0, 23.976, 30000 / 1001, 12.5, 60.0])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_comes_in_whole_at_its_own_float_rate(tmp_path, fps, suffix):
    path = tmp_path / f"ein Film 影片.{suffix}"
    write_video(path, clip(), fps, encoding=Encoding(lossless=True))
    video = read_video(path)
    assert video.frames.dtype == torch.float32 and torch.equal(video.frames, clip())
    assert video.fps == pytest.approx(fps, rel=1e-6) and video.audio is None
    assert video.seconds == pytest.approx(12 / fps, rel=1e-6)


def test_the_sound_comes_with_the_video(tmp_path):
    write_video(tmp_path / "a.mp4", clip(25), 25.0, Audio(torch.rand(1, 16000) - 0.5, 16000))
    audio = read_video(tmp_path / "a.mp4").audio
    assert audio.seconds == pytest.approx(1, abs=1024 / 48000)


def test_sound_that_cannot_be_read_costs_only_the_sound(tmp_path, caplog):
    path = save(tmp_path / "a.mkv", clip(), list(range(12)), Fraction(1, 25), empty_sound=True)
    video = read_video(path)
    assert len(video.frames) == 12 and video.audio is None
    assert "without its sound" in caplog.text


def test_only_the_asked_seconds_are_read(tmp_path):
    write_video(tmp_path / "a.mp4", clip(50), 25.0)
    assert len(read_video(tmp_path / "a.mp4", seconds=1.0).frames) == 25


def turn(path: Path) -> Path:
    """As a phone held upright tags its video: a quarter turn clockwise to be shown."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def test_a_phone_video_stands_upright(tmp_path):
    frames = clip()
    frames[:, :10] = 1.0  # what is on top
    write_video(tmp_path / "a.mp4", frames, 25.0, encoding=Encoding(lossless=True))
    turned = read_video(turn(tmp_path / "a.mp4")).frames
    assert torch.equal(turned, torch.rot90(frames, -1, (1, 2)))  # the top is at the right


def test_a_variable_rate_is_laid_on_its_grid_and_said(tmp_path, caplog):
    path = save(tmp_path / "a.mkv", clip(8), UNEVEN, Fraction(1, 1000))
    video = read_video(path)
    assert video.fps == 25 and indices(video.frames) == [0, 1, 2, 2, 2, 3, 4, 5, 6, 6, 7]
    assert "variable frame rate" in caplog.text


def test_stamps_rounded_to_milliseconds_are_no_variable_rate(tmp_path, caplog):
    path = save(tmp_path / "a.mkv", clip(40), [round(i * 1001 / 30) for i in range(40)], Fraction(1, 1000))
    video = read_video(path)
    assert indices(video.frames) == list(range(40)) and video.fps == pytest.approx(30000 / 1001, rel=1e-3)
    assert not caplog.records


def test_stamps_out_of_order_fall_back_on_the_stated_rate(tmp_path):
    frames = torch.rand(1, 32, 48, 3).expand(12, 32, 48, 3) * torch.linspace(0.5, 1, 12)[:, None, None, None]
    format_ = {"codec": "libx264", "pix_fmt": "yuv420p"}
    path = save(tmp_path / "a.avi", frames, list(range(12)), Fraction(1, 25), **format_)
    video = read_video(path)
    assert len(video.frames) == 12 and video.fps == 25
    assert (video.frames.mean((1, 2, 3)).diff() > 0).all()


def test_wide_pixels_are_squared_and_said(tmp_path, caplog):
    path = save(
        tmp_path / "a.mp4",
        clip(),
        list(range(12)),
        Fraction(1, 25),
        codec="libx264",
        pix_fmt="yuv420p",
        sample_aspect_ratio=Fraction(4, 3),
    )
    assert read_video(path).frames.shape == (12, 32, 64, 3)
    assert "48x32 becomes 64x32" in caplog.text


@pytest.mark.parametrize(
    ("height", "weights", "full", "tags"),
    [
        (64, (0.2126, 0.0722), False, (1, 1)),
        (64, (0.299, 0.114), False, (5, 1)),
        (64, (0.2126, 0.0722), True, (1, 2)),
        (64, (0.299, 0.114), True, (6, 2)),
        (720, (0.2126, 0.0722), False, (2, 0)),
        (576, (0.299, 0.114), False, (2, 0)),
    ],
    ids=["HD", "SD", "full HD", "full SD", "untagged HD", "untagged SD"],
)
def test_colours_follow_the_tags_or_the_height(tmp_path, height, weights, full, tags):
    colour = torch.tensor([0.8, 0.2, 0.3])
    planes = yuv(colour, *weights, full)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tags
        pixels = np.broadcast_to(np.array(planes, np.uint8)[:, None, None], (3, height, 64))
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="yuv444p")
        picture.colorspace, picture.color_range = tags
        picture.pts = 0
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    frames = read_video(tmp_path / "a.mkv").frames
    assert (frames - colour).abs().max() < 3 / 255  # YUV in 8 bits


@pytest.mark.parametrize(
    ("source", "target", "count"), [(25, 30, 12), (50, 25, 5), (10, 29.97, 30), (30, 1, 1)]
)
def test_a_new_rate_keeps_the_seconds(source, target, count):
    video = Video(clip(10), float(source), None)
    resampled = resample_fps(video, float(target))
    assert len(resampled.frames) == count and resampled.fps == target
    assert 0 <= resampled.seconds - video.seconds < 1 / target


def test_every_frame_of_a_new_rate_is_the_one_on_screen_at_its_centre():
    video = Video(clip(10), 25.0, None)
    expected = [min(int((i + 0.5) / 30 * 25), 9) for i in range(12)]
    assert indices(resample_fps(video, 30.0).frames) == expected
    assert indices(resample_fps(Video(clip(10), 50.0, None), 25.0).frames) == [1, 3, 5, 7, 9]
    assert resample_fps(video, 25.0) is video


def test_tags_in_another_encoding_than_utf_8_are_no_hindrance(tmp_path):
    path = tmp_path / "a.mkv"
    sound = Audio(torch.rand(1, 16000) - 0.5, 16000)
    write_video(path, clip(), 12.0, sound, metadata={"title": "Café ---", "comment": "Café ---"})
    data = path.read_bytes()
    assert data.count("Café ---".encode()) == 2
    path.write_bytes(data.replace("Café ---".encode(), "Café ----".encode("latin-1")))
    assert len(read_video(path).frames) == 12 and read_audio(path).seconds == pytest.approx(1, abs=0.1)


def test_missing_files_and_folders_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_video(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="is a folder"):
        open_video(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello world\n" * 100, bytes(5000)])
def test_what_is_no_video_is_refused(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a video"):
        read_video(tmp_path / "a.mp4")


def test_a_sound_file_is_no_video(tmp_path):
    write_wav(tmp_path / "a.wav", Audio(torch.rand(1, 16000) - 0.5, 16000))
    with pytest.raises(InputError, match="no video stream"):
        read_video(tmp_path / "a.wav")


def test_a_video_cut_in_its_first_frame_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, torch.rand(3, 64, 64, 3), 25.0)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 700])
    with pytest.raises(InputError, match="is truncated"):
        read_video(path)


def test_a_video_with_fewer_frames_than_it_announces_says_how_many_could_be_read(tmp_path, caplog):
    path = tmp_path / "a.mp4"
    write_video(path, torch.rand(20, 64, 64, 3), 25.0)
    with av.open(str(path)) as container:
        ends = [packet.pos for packet in container.demux(video=0) if packet.pos]
    data = bytearray(path.read_bytes()[: ends[12]])
    with pytest.raises(InputError, match="is truncated"):
        path.write_bytes(data)
        read_video(path)
    box = data.index(b"mdat") - 4
    # a recorder that closed its file, but not its index
    data[box : box + 4] = (len(data) - box).to_bytes(4, "big")
    path.write_bytes(data)
    assert 0 < len(read_video(path).frames) < 20
    assert "20 frames" in caplog.text


def test_a_video_under_16_pixels_says_its_size(tmp_path):
    write_video(tmp_path / "a.mp4", clip(3, 12, 48), 25.0)
    with pytest.raises(InputError, match="48x12 pixels: at least 16"):
        read_video(tmp_path / "a.mp4")
