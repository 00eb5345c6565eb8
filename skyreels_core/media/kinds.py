"""Files by their first bytes, where the library that opens them would not say what they are."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError

ANIMATED = 2  # a bit of the flags in WebP's extended header
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
ANY_HEIF = {b"mif1", b"msf1"}  # HEIC or AVIF: the compatible brands tell
AVIF_BRANDS = {b"avif", b"avis"}
FOREIGN = tuple(  # how files begin that are not what their names say
    (re.compile(start, re.DOTALL | re.IGNORECASE), kind)
    for start, kind in (
        (rb"\0*$", "it is empty: download it again"),
        (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head)", "it is a web page: download the file itself"),
        (rb"version https://git-lfs", "it is a Git LFS pointer: download the file with git lfs pull"),
        (rb"pk\x03\x04|rar!|7z\xbc\xaf|\x1f\x8b", "it is an archive: unpack it first"),
        (rb"%pdf", "it is a PDF"),
        (rb"8bps", "it is a Photoshop file"),
        (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<svg", "it is a vector graphic (SVG)"),
        (rb"\x76\x2f\x31\x01", "it is in OpenEXR"),
        (rb"\xff\x0a|\0\0\0\x0cjxl ", "it is in JPEG XL"),
    )
)
MEDIA = (
    re.compile(
        rb"riff.{4}(avi |wave)|.{4}ftyp(?!avi|hei|mif|msf)|\x1a\x45\xdf\xa3|flv\x01|flac|oggs|id3|\xff[\xe2-\xff]",
        re.DOTALL | re.IGNORECASE,
    ),
    "it is a sound or video",
)


def foreign(path: Path, unless: str, media: bool = False) -> str:
    """What is wrong with a file that cannot be read: what it is instead, else what its reader said. `media`: sound and
    videos are wrong too."""
    kinds = (*FOREIGN, MEDIA) if media else FOREIGN
    return next((kind for start, kind in kinds if start.match(_head(path))), unless)


def is_heic(path: Path) -> bool:
    head = _head(path)
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[place : place + 4] for place in (8, *range(16, end, 4))}
    return bool(brands & HEIC_BRANDS) or bool(brands & ANY_HEIF and not brands & AVIF_BRANDS)


def is_animated_webp(path: Path) -> bool:
    head = _head(path)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & ANIMATED)


def is_animated(path: Path) -> bool:
    """Whether a picture, by its name, holds several."""
    head = _head(path)
    return is_animated_webp(path) or (head.startswith(b"\x89PNG") and b"acTL" in head)


def check_moving(path: Path) -> None:
    """Raises InputError for pictures that FFmpeg opens and cannot show."""
    if is_animated_webp(path):
        raise InputError(
            f"{path} is an animated picture (WebP), not a video. Export it as H.264 in an MP4 file."
        )
    if is_heic(path):
        raise InputError(
            f"{path} is a picture or a sequence in HEIC, not a video. Export it as H.264 in an MP4 file."
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(256).ljust(32, b"\0")
