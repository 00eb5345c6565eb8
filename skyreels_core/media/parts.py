"""Files that are several in a row: recordings joined byte by byte, and the links of chained Ogg streams (RFC 3533).

FFmpeg reads some of them to their first end only, and takes the rates and channels of others from the first.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from .container import BOXES, mpeg_start

STARTS = tuple(  # what stands at the beginning of a file, and within it where another one begins
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"R(?:IFF|F64).{4}WAVE",
        rb"riff\x2e\x91\xcf\x11\xa5\xd6",  # Sony Wave64
        rb"FORM.{4}AIF[FC]",
        rb"fLaC[\x00\x80]\x00\x00\x22",
        rb"caff\x00\x01\x00\x00desc",
        rb"\.snd\x00\x00.{2}.{4}\x00\x00\x00[\x01-\x1b]",
        rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",  # Windows Media
        rb"TTA1\x01\x00",
        rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00",
        rb"\x1a\x45\xdf\xa3.{1,60}?\x42\x82.(?:webm|matroska)",
    )
)
OGG_PAGE = re.compile(rb"OggS\x00([\x00-\x07])", re.DOTALL)
FIRST_PAGE = 2  # flag of an Ogg page that begins a stream
MP3_TAG = re.compile(rb"ID3[\x02-\x04]\x00.[\x00-\x7f]{4}", re.DOTALL)
MP3_INDEX = re.compile(rb"\xff[\xe2-\xff]..(?:\x00{9}|\x00{17}|\x00{32})(?:Xing|Info)", re.DOTALL)


def parts(path: Path) -> list[range]:
    """The bytes of each, in order; of nearly every file one part: the whole."""
    size = path.stat().st_size
    if not size:
        return [range(0)]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = mpeg_start(file)
        found = _mpeg_files(content, begin) if begin is not None else _files(content)
        starts = [0, *(start for start in found if start > 0)]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]


def _files(content: mmap.mmap) -> list[int]:
    if content[4:8] in BOXES:
        return list(_mp4_files(content))
    if content[:4] == b"OggS":
        return list(_ogg_links(content))
    kind = next((start for start in STARTS if start.match(content)), None)
    return [] if kind is None else [found.start() for found in kind.finditer(content)]


def _ogg_links(content: mmap.mmap) -> Iterator[int]:
    """The first pages of all streams of a link come before any other page."""
    begun = False
    for page in OGG_PAGE.finditer(content):
        is_first = bool(page[1][0] & FIRST_PAGE)
        if is_first and not begun:
            yield page.start()
        begun = is_first


def _mp4_files(content: mmap.mmap) -> Iterator[int]:
    place = 0
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        if size == 1:
            size = int.from_bytes(content[place + 8 : place + 16], "big")
        if content[place + 4 : place + 8] == b"ftyp":
            yield place
        if size < 8:
            return
        place += size


def _mpeg_files(content: mmap.mmap, begin: int) -> list[int]:
    """Each begins with a tag, or with a frame that indexes it, or with both."""
    tags = {found.start(): _tag_end(found) for found in MP3_TAG.finditer(content, begin)}
    indexes = {found.start() for found in MP3_INDEX.finditer(content, begin)} - {begin}
    return sorted((tags.keys() | indexes) - set(tags.values()))


def _tag_end(tag: re.Match[bytes]) -> int:
    size = 0
    for byte in tag[0][6:10]:
        size = size << 7 | byte
    return tag.start() + 10 + size
