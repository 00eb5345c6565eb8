from __future__ import annotations

from fractions import Fraction
from itertools import islice

import pytest
import torch
from test_videos import UNEVEN, clip, indices, save, turn

from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames, Reader, TruncatedFrames, collect, lasting, open_video
from skyreels_core.media.reading import Video, read_video
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video


def noise(frames: int) -> torch.Tensor:
    return torch.rand(frames, 32, 48, 3, generator=torch.Generator().manual_seed(3))


def steady(path):
    write_video(path / "a.mp4", noise(12), 25.0, Audio(torch.rand(1, 16000) - 0.5, 16000))
    return path / "a.mp4"


def uneven(path):
    return save(path / "a.mkv", noise(8), UNEVEN, Fraction(1, 1000))


def upright(path):
    write_video(path / "a.mp4", noise(12), 25.0)
    return turn(path / "a.mp4")


def wide(path):
    settings = {"codec": "libx264", "pix_fmt": "yuv420p", "sample_aspect_ratio": Fraction(4, 3)}
    return save(path / "a.mp4", noise(6), list(range(6)), Fraction(1, 25), **settings)


@pytest.mark.parametrize("make", [steady, uneven, upright, wide])
def test_every_frame_of_the_stream_is_the_one_that_is_read_whole(tmp_path, make):
    path = make(tmp_path)
    file, video = open_video(path), read_video(path)
    assert (file.size, file.fps, len(file)) == (video.size, video.fps, len(video))
    assert torch.equal(torch.stack(list(file.stream())), video.frames)
    assert torch.equal(torch.stack(list(file.stream(4))), video.frames[4:])
    assert torch.equal(collect(TruncatedFrames(file, 5)), video.frames[:5])
    assert (file.audio is None) == (video.audio is None)


def test_streams_do_not_disturb_each_other(tmp_path):
    file = open_video(steady(tmp_path))
    one, other = file.stream(), file.stream(3)
    whole = collect(file)
    for index in range(9):
        assert torch.equal(next(one), whole[index]) and torch.equal(next(other), whole[index + 3])


def test_a_damaged_file_is_found_before_a_frame_is_asked_for(tmp_path):
    path = steady(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 700])
    with pytest.raises(InputError, match=r"damaged|no frame|cannot be read"):
        open_video(path)


def test_what_is_said_about_a_file_is_said_once(tmp_path, caplog):
    file = open_video(uneven(tmp_path))
    collect(file), collect(file)
    assert caplog.text.count("variable frame rate") == 1


def test_frames_in_memory_and_parts_of_them_stream_alike():
    video = Video(clip(6), 25.0, None)
    assert video.size == (48, 32) and indices(torch.stack(list(video.stream(4)))) == [4, 5]
    part = TruncatedFrames(video, 4)
    assert len(part) == 4 and indices(collect(part)) == [0, 1, 2, 3] and len(list(part.stream(3))) == 1
    assert len(TruncatedFrames(video, 9)) == 6


def test_the_last_frame_lasts():
    assert indices(torch.stack(list(islice(lasting(InMemoryFrames(clip(2)).stream()), 4)))) == [0, 1, 1, 1]


class Counting(InMemoryFrames):
    streams = decoded = 0

    def stream(self, first=0):
        self.__class__.streams += 1
        for frame in super().stream(first):
            self.__class__.decoded += 1
            yield frame


def test_a_reader_that_goes_forward_reads_the_source_once_and_holds_the_last_run_alone():
    class Source(Counting):
        pass

    reader = Reader(Source(clip(20)), lambda frame: frame + 0)
    for first in (0, 4, 4, 12, 16):
        found = torch.stack(reader.run(first, 8))
        assert indices(found) == [min(index, 19) for index in range(first, first + 8)]
        assert len(reader.held) <= 8
    assert (Source.streams, Source.decoded) == (1, 20)
    assert indices(reader(3)[None]) == [3] and Source.streams == 2


def test_a_reader_that_was_closed_holds_nothing_and_reads_on():
    reader = Reader(InMemoryFrames(clip(5)))
    reader.run(1, 3)
    reader.close()
    assert not reader.held
    assert indices(reader(2)[None]) == [2] and indices(reader(7)[None]) == [4]
