"""Files whose frames do not come one after the other at a steady pace."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.media.footage import InMemoryFrames, collect, following
from skyreels_core.media.sound import Audio, read_audio
from skyreels_core.media.video import open_video
from skyreels_core.media.writing import write_video

UNIT = Fraction(1, 90000)


def grey(index: int) -> np.ndarray:
    return np.full((32, 48, 3), 8 + 4 * index, np.uint8)


def seen(video) -> list[int]:
    return [round((frame.mean().item() * 255 - 8) / 4) for frame in video.stream()]


def film(path: Path, times: list[float], last: float | None = None, sound: float = 0, **options: str) -> Path:
    """H.264 whose frame i is of grey level i; `last`: seconds that the last one lasts; sound: seconds of it."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "4", **options})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.time_base = UNIT
        voice = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        packets = []
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(grey(index), format="rgb24")
            frame.pts, frame.time_base = round(time / UNIT), UNIT
            packets += stream.encode(frame)
        packets += stream.encode()
        if last is not None:
            packets[-1].duration = round(last / UNIT)
        out.mux(packets)
        if voice is not None:
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, round(sound * 16000)), np.float32), "fltp", "mono"
            )
            frame.sample_rate, frame.pts = 16000, 0
            out.mux(voice.encode(frame) + voice.encode())
    return path


def test_a_frame_lasts_until_the_next(tmp_path):
    video = open_video(film(tmp_path / "a.mp4", [0, 0.04, 0.08, 0.36, 0.4], bf="0"))
    assert video.fps == 25 and seen(video) == [0, 1, 2, 2, 2, 2, 2, 2, 2, 3, 4]
    assert video.decoded == 5


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_the_last_frame_lasts_as_long_as_its_file_says(tmp_path, suffix):
    video = open_video(film(tmp_path / f"a.{suffix}", [i / 25 for i in range(10)], last=1.64, bf="0"))
    assert video.fps == 25 and len(video) == 9 + 41


def test_the_last_frame_is_held_for_sound_that_goes_on(tmp_path, caplog):
    video = open_video(film(tmp_path / "a.mp4", [i / 25 for i in range(10)], sound=2.0))
    assert video.seconds == pytest.approx(2.0, abs=0.08) and seen(video)[9:] == [9] * (len(video) - 9)
    assert "the last frame is repeated" in caplog.text


def test_sound_that_ends_a_little_later_holds_nothing(tmp_path, caplog):
    assert len(open_video(film(tmp_path / "a.mp4", [i / 25 for i in range(10)], sound=0.6))) == 10
    assert not caplog.records


@pytest.mark.parametrize(("count", "bf"), [(12, "2"), (5, "0"), (40, "0"), (60, "2")])
def test_h264_in_avi_that_states_twice_its_rate_is_read_by_the_order_of_its_packets(
    tmp_path, caplog, count, bf
):
    source = film(tmp_path / "a.ts", [i / 25 for i in range(count)], bf=bf, g="50", sc_threshold="0")
    with av.open(str(source)) as given, av.open(str(tmp_path / "a.avi"), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        stream.time_base = Fraction(1, 50)
        packets = [packet for packet in given.demux(video=0) if packet.dts is not None]
        for number, packet in enumerate(packets):
            packet.pts = packet.dts = 2 * number
            packet.time_base, packet.stream = Fraction(1, 50), stream
            out.mux(packet)
    video = open_video(tmp_path / "a.avi")
    assert (video.fps, len(video), seen(video)) == (25, count, list(range(count)))
    part = open_video(tmp_path / "a.avi", seconds=0.16)
    assert (part.fps, seen(part)) == (25, [0, 1, 2, 3])
    assert not caplog.records


@pytest.mark.parametrize("bf", ["0", "2"])
def test_the_sound_of_h264_in_avi_begins_and_ends_with_the_pictures(tmp_path, caplog, bf):
    sound = np.zeros((1, 16000), np.float32)
    sound[:, 8000:] = 0.5
    with av.open(str(tmp_path / "a.avi"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"bf": bf})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        voice = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(grey(index), format="rgb24")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 16000, 0
        out.mux(voice.encode(frame) + voice.encode())
    heard = read_audio(tmp_path / "a.avi")
    assert (heard.samples[0] > 0.2).nonzero()[0].item() == 8000
    assert len(open_video(tmp_path / "a.avi")) == 25 and not caplog.records


def test_the_frame_before_stays_for_an_empty_packet(tmp_path):
    """As Theora's encoders leave them where nothing moves."""
    with av.open(str(tmp_path / "a.nut"), "w") as out:
        stream = out.add_stream("mjpeg", rate=25, width=48, height=32, pix_fmt="yuvj420p")
        for index in range(8):
            frame = av.VideoFrame.from_ndarray(grey(index))
            frame.pts = index
            (packet,) = stream.encode(frame)
            if index in (3, 4, 7):
                empty = av.Packet(b"")
                empty.stream, empty.time_base, empty.duration = stream, packet.time_base, packet.duration
                empty.pts = empty.dts = packet.pts
                packet = empty
            out.mux(packet)
    assert seen(open_video(tmp_path / "a.nut")) == [0, 1, 2, 2, 2, 5, 6, 6]


def test_a_stream_that_begins_midway_without_a_word_before_is_no_hindrance(tmp_path):
    """As recordings of live streams have it, whose sound comes later."""
    path = film(tmp_path / "a.flv", [i / 10 for i in range(50)], sound=5.0, bf="0")
    data = bytearray(path.read_bytes())
    data[4] = 1  # pictures alone
    place = 13
    while place < len(data):  # kind, size, milliseconds
        kind, end = data[place], place + 15 + int.from_bytes(data[place + 1 : place + 4], "big")
        time = int.from_bytes(data[place + 4 : place + 7], "big")
        if kind != 9 and time < 3000:
            del data[place:end]
        else:
            place = end
    path.write_bytes(data)
    assert seen(open_video(path)) == list(range(50))


def test_of_several_pictures_the_moving_ones_are_read(tmp_path):
    """As AVIF holds them: a still for those that know no more, and the sequence."""
    shades = [Image.new("RGB", (64, 48), (40 * index,) * 3) for index in range(5)]
    shades[0].save(tmp_path / "a.avif", save_all=True, append_images=shades[1:], duration=100)
    video = open_video(tmp_path / "a.avif")
    assert (len(video), video.fps) == (5, 10)
    assert [round(frame.mean().item() * 255 / 40) for frame in video.stream()] == list(range(5))


def test_an_edit_list_that_hides_frames_is_no_damage(tmp_path, caplog):
    """As phones trim: the frames before the cut stay in the file, back to the last key frame."""
    source = film(tmp_path / "a.mp4", [i / 25 for i in range(60)], g="20", keyint_min="20", sc_threshold="0")
    with av.open(str(source)) as given, av.open(str(tmp_path / "b.mp4"), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        start = round(1.2 / given.streams.video[0].time_base)
        for packet in given.demux(video=0):
            if packet.dts is not None and packet.pts >= round(0.8 / packet.time_base):
                packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, stream
                out.mux(packet)
    video = open_video(tmp_path / "b.mp4")
    assert seen(video) == list(range(30, 60)) and not caplog.records


def with_edits(path: Path, *edits: tuple[int, int]) -> Path:
    """Milliseconds that each lasts, and where it begins in the clock of the frames."""
    data = bytearray(path.read_bytes())
    moov, track, edts = (data.index(name) - 4 for name in (b"moov", b"trak", b"edts"))
    entries = b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    new = struct.pack(">I4sI4sII", 24 + len(entries), b"edts", 16 + len(entries), b"elst", 0, len(edits))
    more = len(new + entries) - int.from_bytes(data[edts : edts + 4], "big")
    data[edts : edts + int.from_bytes(data[edts : edts + 4], "big")] = new + entries
    for box in (moov, track):
        data[box : box + 4] = (int.from_bytes(data[box : box + 4], "big") + more).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def test_what_an_edit_list_cuts_out_of_the_middle_is_no_damage(tmp_path, caplog):
    source = film(tmp_path / "a.mp4", [i / 25 for i in range(60)], g="20", keyint_min="20", bf="0")
    video = open_video(with_edits(source, (800, 0), (800, 40 * 3600)))
    assert seen(video) == [*range(20), *range(40, 60)] and not caplog.records


def test_parts_that_were_joined_follow_one_another(tmp_path, caplog):
    parts = [film(tmp_path / f"{i}.ts", [0.04 * k for k in range(8)], bf="2").read_bytes() for i in range(2)]
    (tmp_path / "c.ts").write_bytes(b"".join(parts))
    video = open_video(tmp_path / "c.ts")
    assert (video.fps, len(video)) == (25, 16) and seen(video) == [*range(8), *range(8)]
    assert "the parts are joined" in caplog.text


def test_a_stream_without_stamps_runs_at_its_stated_rate(tmp_path):
    video = open_video(film(tmp_path / "a.h264", [i / 25 for i in range(10)]))
    assert (video.fps, len(video)) == (25, 10)


def test_a_stream_without_stamps_runs_at_the_rate_that_its_codec_states(tmp_path):
    with av.open(str(tmp_path / "a.h264"), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for index in range(10):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey(index), format="rgb24")))
        out.mux(stream.encode())
    video = open_video(tmp_path / "a.h264")
    assert (video.fps, len(video)) == (30, 10)


def test_only_the_asked_seconds_are_read_of_a_video_with_gaps(tmp_path):
    path = film(tmp_path / "a.mp4", [0, 0.04, 0.08, 2.0, 2.04], bf="0")
    assert len(open_video(path, 1.0)) == 25 and seen(open_video(path, 1.0))[-1] == 2


def test_what_is_written_is_read_with_as_many_frames_for_any_rate_and_voice(tmp_path):
    for fps in (23.976, 25.0, 30000 / 1001, 50.0, 60000 / 1001):
        frames = torch.rand(17, 32, 48, 3)
        write_video(tmp_path / "a.mp4", frames, fps, Audio(torch.rand(1, 40000) - 0.5, 16000))
        video = open_video(tmp_path / "a.mp4")
        assert len(video) == video.decoded == len(collect(video)) == 17
        assert video.fps == pytest.approx(fps, rel=1e-6)


def test_a_part_is_what_is_on_screen_from_its_start_on(tmp_path):
    video = open_video(film(tmp_path / "a.mp4", [0, 0.04, 0.08, 0.36, 0.4, 0.44, 0.48], bf="0"))
    assert seen(video.part(0.2, 0.24)) == [2, 2, 2, 2, 3, 4]
    assert seen(video.part(0.4, 0)) == [4, 5, 6] and seen(video.part(0, 0.08)) == [0, 1]
    assert [part.decoded for part in (video.part(0.2, 0.24), video.part(0.4, 0))] == [3, 3]
    assert seen(video.part(9.0, 1.0)) == [6]


def test_masks_of_the_decoded_frames_follow_them(tmp_path):
    video = open_video(film(tmp_path / "a.mp4", [0, 0.04, 0.08, 0.36, 0.4], bf="0"))
    masks = InMemoryFrames(torch.arange(5.0)[:, None, None].expand(5, 32, 48))
    followed = following(masks, video)
    assert [int(mask[0, 0]) for mask in followed.stream()] == [0, 1, 2, 2, 2, 2, 2, 2, 2, 3, 4]
    assert [int(mask[0, 0]) for mask in followed.stream(8)] == [2, 3, 4] and followed.size == (48, 32)
    part = video.part(0.2, 0.2)
    cut = following(InMemoryFrames(masks.frames[2:4]), part)
    assert [int(mask[0, 0]) for mask in cut.stream()] == [2, 2, 2, 2, 3]


def test_what_was_made_for_the_shown_frames_or_for_one_is_left_alone(tmp_path):
    video = open_video(film(tmp_path / "a.mp4", [0, 0.04, 0.08, 0.36, 0.4], bf="0"))
    for count in (1, 4, len(video)):
        masks = InMemoryFrames(torch.zeros(count, 32, 48))
        assert following(masks, video) is masks
