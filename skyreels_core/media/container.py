"""Sound and video files, opened by FFmpeg: whole ones, and nothing but the file itself is read."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from ..errors import InputError

PLAYLISTS = {"hls", "dash", "concat", "concatf", "imf", "sdp", "rtsp"}  # formats that name other files
UNSTATED = 0x7FFF0000  # what a recorder that cannot go back to its header leaves there, and more
UNTIMED = {"avi"}  # formats that count packets and do not say when a frame is shown
SLACK = 1024  # bytes that writers of headers get wrong
# 19 always does
ANY_TAGS: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")  # with which MP4 and its kin begin
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # Matroska and WebM


def open_media(path: Path, part: range | None = None) -> InputContainer:
    """The file, or only these bytes of it.

    Raises av.FFmpegError for what cannot be read, InputError for a list of other files.
    """
    place = "" if part is None else f"subfile,,start,{part.start},end,{part.stop},,:"
    whitelist = "file" if part is None else "subfile,file"
    name = f"{place}{path.absolute()}"
    container = av.open(name, container_options={"protocol_whitelist": whitelist}, **ANY_TAGS)
    if PLAYLISTS & set(container.format.name.split(",")):
        container.close()
        raise InputError(f"{path} is a list of other files ({container.format.name}). Give one whole file.")
    return container


def moving_pictures(container: InputContainer) -> av.VideoStream | None:
    """Of several the one that players show, and no cover."""
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return next((s for s in moving if s is best), moving[0] if moving else None)


def sound_track(container: InputContainer) -> av.AudioStream | None:
    """Of several the one that players let hear."""
    best = container.streams.best("audio")
    return best if isinstance(best, av.AudioStream) else next(iter(container.streams.audio), None)


def demuxed(container: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """Their packets, and in the end an empty one for each."""
    try:
        yield from container.demux(*streams)
    except IndexError:  # PyAV, after all of these, where further streams began midway
        return


def in_seconds(stamp: int | None, clock: Fraction | None) -> float:
    """A time stamp of a container; 0 where there is none."""
    return float((stamp or 0) * (clock or 0))


def check_whole(path: Path) -> None:
    """Raises InputError for a file that is shorter than it says itself: half a download, a full card."""
    found = path.stat().st_size
    with path.open("rb") as file:
        promised = _promised_bytes(file, found)
    if found + SLACK < promised:
        raise InputError(
            f"{path} is truncated: its header states {promised:,} bytes, it has {found:,}. Download or export it again."
        )


def mpeg_start(file: BinaryIO) -> int | None:
    """Where the sound of an MP3 file begins, after its tags; None for any other."""
    file.seek(0)
    tag, size = file.read(10), 0
    if tag[:3] == b"ID3":
        size = 10 + sum((byte & 127) << 7 * place for place, byte in enumerate(reversed(tag[6:10])))
    file.seek(size)
    start = file.read(2)
    return size if start[:1] == b"\xff" and start[1:] >= b"\xe0" else None


def _promised_bytes(file: BinaryIO, found: int) -> int:
    """How long its own header says that it is; 0 where it says nothing."""
    start = file.read(16)
    if start[:4] in (b"RIFF", b"FORM"):
        size = int.from_bytes(start[4:8], "little" if start[:4] == b"RIFF" else "big")
        return 8 + size if size < UNSTATED else 0
    if start[4:8] in BOXES:
        return _end_of_boxes(file, found)
    if start[:4] == EBML:
        return _end_of_segment(file)
    begin = mpeg_start(file)
    return 0 if begin is None else begin + _mpeg_bytes(file, begin)


def _end_of_boxes(file: BinaryIO, found: int) -> int:
    end = 0
    while end + 8 <= found:
        file.seek(end)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if size < 8 or not header[4:8].isalnum():  # 0: to the end of the file; else no box at all
            return found
        end += size
    return end


def _end_of_segment(file: BinaryIO) -> int:
    file.seek(4)
    file.seek(_number(file), 1)
    if file.read(4) != SEGMENT:
        return 0
    size = _number(file)
    return file.tell() + size if size < UNSTATED << 16 else 0


def _number(file: BinaryIO) -> int:
    """EBML: as many bytes as the first one has leading zeros, and one; all ones where a live recording knew none."""
    first = int.from_bytes(file.read(1), "big")
    length = 9 - first.bit_length() if first else 1
    value = int.from_bytes(bytes([first & (0xFF >> length)]) + file.read(length - 1), "big")
    return value if value != (1 << 7 * length) - 1 else UNSTATED << 16


def _mpeg_bytes(file: BinaryIO, begin: int) -> int:
    """What the index in the first frame says."""
    file.seek(begin)
    start = file.read(512)
    index = max(start.find(b"Xing"), start.find(b"Info"))
    # frames, bytes
    counted = index >= 0 and start[index + 7 : index + 8] >= b"\x03" and start[index + 7] & 3 == 3
    return int.from_bytes(start[index + 12 : index + 16], "big") if counted else 0
