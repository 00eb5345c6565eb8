"""A part that is far from a file's beginning is read from the key frame before it, and is the same bit for bit."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from skyreels_core import assets
from skyreels_core.media import video as reader
from skyreels_core.media.cropping import CropPath, CroppedFrames
from skyreels_core.media.footage import TimedFrames, TruncatedFrames
from skyreels_core.media.video import open_video

FRAMES, SIDE = 60, (96, 64)
UNIT = Fraction(1, 90000)
EVEN = [index / 25 for index in range(FRAMES)]
UNEVEN = np.cumsum([0.02 if index % 7 else 0.12 for index in range(FRAMES)]).tolist()
H264 = {"keyint": "10", "min-keyint": "10", "scenecut": "0"}


def x264(**more: str) -> dict[str, str]:
    return {"x264-params": ":".join(f"{name}={value}" for name, value in {**H264, **more}.items())}


# Suffix, codec, its options, times of the frames, and whether parts of it are found without all that lies before.
FILES = {
    "B-frames": ("mp4", "libx264", x264(bframes="3"), EVEN, True),
    "open groups": ("mkv", "libx264", x264(bframes="3", **{"open-gop": "1"}), EVEN, None),
    "a refresh that is spread": ("mp4", "libx264", x264(**{"intra-refresh": "1"}), EVEN, None),
    "an uneven rate": ("mkv", "libx264", x264(bframes="2"), UNEVEN, True),
    "a late start": ("mkv", "libx264", x264(bframes="2"), [7.3 + time for time in EVEN], True),
    "a transport stream": ("ts", "libx264", x264(bframes="2"), [1.4 + time for time in UNEVEN], None),
    "an AVI": ("avi", "mpeg4", {"g": "10"}, EVEN, None),
    "VP9": ("webm", "libvpx-vp9", {"g": "10", "cpu-used": "8", "deadline": "realtime"}, UNEVEN, True),
    "key frames alone": ("mov", "mjpeg", {}, EVEN, True),
    "one key frame": ("mp4", "libx264", {"x264-params": "keyint=infinite:scenecut=0"}, EVEN, False),
    "interlaced": ("mp4", "libx264", x264(tff="1"), EVEN, False),
}  # fmt: skip


def moving(index: int) -> np.ndarray:
    """A noise that moves, so that every frame depends on those before."""
    noise = np.random.default_rng(1).integers(0, 255, (SIDE[1] // 4, SIDE[0] // 4, 3), np.uint8)
    return np.roll(noise.repeat(4, 0).repeat(4, 1), (index, 2 * index), (0, 1))


@pytest.fixture(scope="module", params=FILES)
def film(request, tmp_path_factory):
    suffix, codec, options, times, found = FILES[request.param]
    path = tmp_path_factory.mktemp("films") / f"a.{suffix}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        (stream.width, stream.height), stream.pix_fmt = SIDE, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25) if codec in ("mjpeg", "mpeg4") else UNIT
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(moving(index), format="rgb24")
            frame.pts, frame.time_base = (
                round(time / stream.codec_context.time_base),
                stream.codec_context.time_base,
            )
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path, found


@pytest.fixture
def decoded(monkeypatch):
    """How many frames were decoded, counted."""
    counted, decode = [0], reader.decode

    def counting(*arguments):
        for frame in decode(*arguments):
            counted[0] += 1
            yield frame

    monkeypatch.setattr(reader, "decode", counting)
    return counted


def test_a_part_is_the_same_as_in_the_whole(film):
    video = open_video(film[0])
    whole = torch.stack(list(video.stream()))
    for first in range(len(video)):
        part = video.stream(first)
        for index in range(first, min(first + 12, len(video))):
            assert torch.equal(next(part), whole[index]), (first, index)
    assert list(video.stream(len(video))) == []
    assert torch.equal(torch.stack(list(video.stream(len(video) - 3))), whole[-3:])


def test_what_lies_far_before_a_part_is_not_decoded(film, decoded):
    path, found = film
    video = open_video(path)
    decoded[0] = 0
    next(video.stream(len(video) - 4))
    if found is not None:
        assert (decoded[0] <= 16) == found


def test_cuts_of_a_part_are_those_of_the_whole(film):
    video = open_video(film[0])
    whole = torch.stack(list(video.stream()))
    part = video.part(1.0, 0.6)
    start = round(video.fps)
    assert torch.equal(torch.stack(list(part.stream(4))), whole[start : start + len(part)][4:])
    assert torch.equal(torch.stack(list(video.only([3, 20, 41]).stream(1))), whole[[20, 41]])
    timed = TimedFrames(video, np.array([2, 30, 30, 41]))
    assert torch.equal(torch.stack(list(timed.stream(1))), whole[[30, 30, 41]])


def test_a_file_that_is_another_than_when_it_was_opened_is_not_mixed_up(film, tmp_path):
    video = open_video(film[0])
    other = open_video(assets.video())
    if video.entries is not None and other.entries is not None:
        swapped = reader.replace(other, entries=video.entries, frame_indices=np.arange(30))
        assert torch.equal(next(swapped.stream(25)), list(other.stream())[25])


def test_shots_together_decode_a_file_about_once(film, decoded):
    path, found = film
    video = open_video(path)
    decoded[0] = 0
    for first in range(0, len(video), 10):
        shot = CroppedFrames(video, first, CropPath(np.zeros((10, 2)), SIDE, SIDE), video.fps)
        assert len(list(TruncatedFrames(shot, 10).stream())) == min(10, len(video) - first)
    if found:
        assert decoded[0] <= 2.2 * FRAMES
