"""Interlaced videos."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from skyreels_core.media.fields import progressive
from skyreels_core.media.footage import collect, open_video

UNIT = Fraction(1, 25)


def woven(index: int, top_first: bool = True, moving: bool = True) -> np.ndarray:
    """A white bar that moves 4 px from one field to the next, [96 160 3]."""
    frame = np.zeros((96, 160, 3), np.uint8)
    for row in (0, 1):
        late = row == (1 if top_first else 0)
        start = 8 * index + 4 * late * moving
        frame[row::2, start : start + 20] = 255
    return frame


def film(
    path: Path, frames: list[np.ndarray], codec: str, options: dict[str, str], pixels: str = "yuv420p"
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = index, UNIT
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def combs(frame: torch.Tensor) -> float:
    """How far lines lie from their neighbours above and below, around the bar, 0..1."""
    grey = frame[..., 1]
    return float((grey[1:-1] - (grey[:-2] + grey[2:]) / 2).abs()[:, 20:56].mean())


X264 = {"crf": "4", "bf": "0"}
INTERLACED = {
    "top field first": ("a.mp4", "libx264", {**X264, "x264-params": "tff=1"}, True),
    "bottom field first": ("a.mp4", "libx264", {**X264, "x264-params": "bff=1"}, False),
    "H.264 with B-frames": ("a.mkv", "libx264", {"crf": "4", "x264-params": "tff=1:bframes=2"}, True),
    "H.264 in TS": ("a.ts", "libx264", {**X264, "x264-params": "tff=1"}, True),
    "MPEG-2": ("a.mpg", "mpeg2video", {"flags": "+ilme+ildct", "qscale": "2", "top": "1", "b": "8M"}, True),
}


@pytest.mark.parametrize("name", INTERLACED)
def test_an_interlaced_video_has_no_combs_and_says_so(tmp_path, caplog, name):
    suffix, codec, options, top_first = INTERLACED[name]
    path = film(tmp_path / suffix, [woven(i, top_first) for i in range(10)], codec, options)
    video = open_video(path)
    frames = collect(video)
    assert len(frames) == 10 and video.fps == 25
    assert max(combs(frame) for frame in frames[2:5]) < 0.02
    places = [
        float((frame[48, :, 1] * torch.arange(160)).sum() / frame[48, :, 1].sum()) for frame in frames[:8]
    ]
    assert np.allclose(np.diff(places), 8, atol=1.5)  # the bar goes on at its own speed
    assert caplog.text.count("is interlaced: it is deinterlaced") == 1


def test_each_frame_keeps_its_own_time(tmp_path):
    path = film(tmp_path / "a.mkv", [woven(i) for i in range(9)], "libx264", {**X264, "x264-params": "tff=1"})
    with av.open(str(path)) as container:
        stamps = [(frame.pts, frame.time_base) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        made = list(progressive(container.decode(video=0)))
    assert [(frame.pts, frame.time_base) for frame in made] == stamps
    assert not any(frame.interlaced_frame for frame in made)


def test_progressive_frames_are_passed_on_untouched(tmp_path):
    path = film(tmp_path / "a.mkv", [woven(i, moving=False) for i in range(5)], "libx264", X264)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert all(one is other for one, other in zip(progressive(iter(frames)), frames, strict=True))


def test_a_still_picture_that_is_marked_as_interlaced_keeps_its_lines(tmp_path):
    lines = np.repeat(np.repeat((np.arange(96) % 8 < 4)[:, None], 160, 1)[..., None], 3, -1)
    still = [lines.astype(np.uint8) * 255] * 6
    options = {**X264, "x264-params": "tff=1"}
    frames = collect(open_video(film(tmp_path / "a.mp4", still, "libx264", options)))
    assert float((frames[3, 8:-8] - torch.from_numpy(still[0]).float()[8:-8] / 255).abs().mean()) < 0.02


def test_parts_of_other_sizes_and_progressive_parts_all_come_through(tmp_path):
    parts = [
        film(tmp_path / "a.ts", [woven(i) for i in range(4)], "libx264", {**X264, "x264-params": "tff=1"}),
        film(tmp_path / "b.ts", [woven(i, moving=False) for i in range(4)], "libx264", X264),
        film(
            tmp_path / "c.ts", [woven(i)[:64] for i in range(4)], "libx264", {**X264, "x264-params": "tff=1"}
        ),
    ]
    (tmp_path / "all.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(tmp_path / "all.ts")) as container:
        made = list(progressive(container.decode(video=0)))
    assert [frame.height for frame in made] == [96] * 8 + [64] * 4


def test_no_more_than_three_frames_wait(tmp_path):
    path = film(
        tmp_path / "a.mkv", [woven(i) for i in range(20)], "libx264", {**X264, "x264-params": "tff=1"}
    )
    given = 0

    def counted(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        nonlocal given
        for frame in frames:
            given += 1
            yield frame

    with av.open(str(path)) as container:
        ahead = [given - index for index, _ in enumerate(progressive(counted(container.decode(video=0))))]
    assert max(ahead) <= 3
