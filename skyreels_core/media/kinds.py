"""Pictures by their first bytes, where the library that opens the file would not say what it is."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

ANIMATED = 2  # a bit of the flags in WebP's extended header
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
ANY_HEIF = {b"mif1", b"msf1"}  # HEIC or AVIF: the compatible brands tell
AVIF_BRANDS = {b"avif", b"avis"}


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
