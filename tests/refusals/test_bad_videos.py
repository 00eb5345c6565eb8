"""Videos that cannot be edited."""

from __future__ import annotations

import os
from fractions import Fraction

import av
import numpy as np
import pytest
from bad_input import FRAMES, HEIGHT, WIDTH, Case, CommandLine, cases, clip, pixels, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyreels_core.errors import InputError
from skyreels_core.media.clock import LONGEST_STILL
from skyreels_core.media.footage import collect, open_video
from skyreels_core.media.reading import read_video

INDEX_FIRST = {"muxing": {"movflags": "+faststart"}}


def cut(share: float, name: str = "whole.mp4", **options: object) -> Case:
    def given(desk: CommandLine) -> tuple:
        path = desk.part_of(clip(desk.folder / name, **options), share)
        return "--video", path, "--mask", desk.whole.mask

    return given, f"cut.{name.split('.')[1]}"


def other(desk: CommandLine, path: object) -> tuple:
    return "--video", path, "--mask", desk.whole.mask


def without_index(desk: CommandLine):
    """As a camera leaves it when its battery is empty."""
    content = clip(desk.folder / "whole.mp4").read_bytes()
    return desk.file("a.mp4", content[: content.index(b"moov") - 4])


def unknown_codec(desk: CommandLine):
    content = clip(desk.folder / "whole.mkv").read_bytes()
    return desk.file("a.mkv", content.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))


def no_frames(desk: CommandLine):
    with av.open(str(desk.folder / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 34, "yuv420p"
        container.start_encoding()
    return desk.folder / "a.mkv"


VIDEOS: dict[str, Case] = {
    "missing": (lambda desk: other(desk, desk.folder / "none.mp4"), "none.mp4"),
    "a folder": (lambda desk: other(desk, desk.folder), "is a folder"),
    "a device": (lambda desk: other(desk, "/dev/zero"), "is not a file"),
    "an empty file": (lambda desk: other(desk, desk.file("a.mp4", b"")), "it is empty"),
    "a web page": (lambda desk: other(desk, desk.file("a.mp4", "<!DOCTYPE html><html>")), "it is a web page"),
    "a text": (lambda desk: other(desk, desk.file("a.mp4", "hello\n" * 99)), "cannot be read as a video"),
    "a text by name": (lambda desk: other(desk, desk.file("a.txt", "hello\n" * 99)), "a.txt is not a video"),
    "a drawing without a size": (
        lambda desk: other(desk, desk.file("a.psd", b"8BPS\0\1" + bytes(200))),
        "a.psd is in a format that cannot",
    ),
    "sound alone": (lambda desk: other(desk, desk.whole.voice), "no video stream"),
    "sound with a cover": (
        lambda desk: other(desk, sound(desk.folder / "a.mp4", "alac", cover=True)),
        "no video stream",
    ),
    "a playlist of servers": (
        lambda desk: other(desk, desk.file("a.m3u8", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")),
        "a.m3u8",
    ),
    "a playlist of files": (
        lambda desk: other(desk, desk.file("a.mp4", f"ffconcat version 1.0\nfile '{desk.whole.video}'\n")),
        "a.mp4",
    ),
    "no index": (lambda desk: other(desk, without_index(desk)), "a.mp4"),
    **{f"MP4 cut at {share:.0%}": cut(share) for share in (0.002, 0.1, 0.5, 0.9, 0.97)},
    **{
        f"MP4 with its index first cut at {share:.0%}": cut(share, **INDEX_FIRST)
        for share in (0.02, 0.06, 0.3, 0.6, 0.9)
    },
    **{f"Matroska cut at {share:.0%}": cut(share, "whole.mkv") for share in (0.01, 0.5, 0.9)},
    "no frames": (lambda desk: other(desk, no_frames(desk)), "a.mkv"),
    "12 pixels high": (lambda desk: other(desk, clip(desk.folder / "a.mp4", size=(12, 48))), "48x12 pixels"),
    "a side too small to edit": (
        lambda desk: ("--video", clip(desk.folder / "a.mp4", size=(24, 48)), "--mask", desk.whole.portrait),
        "48x24",
    ),
    "a rate of 1 in 100 s": (
        lambda desk: other(
            desk,
            clip(desk.folder / "a.mkv", 3, times=[0, 100, 200], rate=Fraction(1, 100), unit=Fraction(1)),
        ),
        "frame rate is 0.01",
    ),
    "a rate of 10000 in 1 s": (
        lambda desk: other(desk, clip(desk.folder / "a.mkv", rate=10000, unit=Fraction(1, 10000))),
        "frame rate is 10000",
    ),
    "a codec that nobody knows": (lambda desk: other(desk, unknown_codec(desk)), "cannot be decoded"),
}

if not os.path.exists("/dev/zero"):  # on Windows
    VIDEOS.pop("a device")


@cases(VIDEOS)
def test_a_bad_video_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(desk.editing(*options(desk)), needle)


def test_a_size_that_changes_within_a_video_is_brought_back_to_the_first(tmp_path):
    parts = [clip(tmp_path / f"{side}.ts", 5, (side, 48)).read_bytes() for side in (34, 64)]
    (tmp_path / "both.ts").write_bytes(b"".join(parts))
    assert read_video(tmp_path / "both.ts").frames.shape[1:] == (34, 48, 3)


def test_a_gap_of_hours_between_two_frames_does_not_fill_the_memory(tmp_path):
    path = clip(tmp_path / "a.mkv", 4, times=[0, 1, 2, 25 * 7200])
    assert len(open_video(path)) == 4


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [clip(folder / "a.mp4", 4, **INDEX_FIRST), clip(folder / "b.mp4", 4), clip(folder / "c.mkv", 4)]


damage = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2), damage, st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_any_damage_gives_a_video_of_finite_numbers_or_a_sentence(videos, tmp_path, which, places, in_index):
    content = bytearray(videos[which].read_bytes())
    start = max(content.find(b"moov"), 0) if in_index else 0
    for place, value in places:
        content[start + int(place**2 * min(len(content) - start, 1500))] = value
    path = tmp_path / f"damaged{videos[which].suffix}"
    path.write_bytes(content)
    try:
        video = open_video(path)
        frames = collect(video.only(np.unique(video.frame_indices, return_index=True)[1]))
    except InputError as error:
        assert "damaged" in str(error) or "frame" in str(error).lower()
    else:
        assert 1 <= video.decoded <= 8 and frames.isfinite().all()
        assert video.seconds <= 8 * LONGEST_STILL


def test_the_whole_files_of_these_tests_are_whole(whole, tmp_path):
    video = open_video(whole.video)
    assert (len(video), *video.size) == (FRAMES, WIDTH, HEIGHT)
    assert len(open_video(clip(tmp_path / "a.mp4"))) == 12
    assert pixels().shape == (64, 64, 3)
