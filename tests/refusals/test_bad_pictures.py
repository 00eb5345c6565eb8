"""Pictures that cannot be used."""

from __future__ import annotations

import io
import math
import os
import struct
import zlib

import numpy as np
import pytest
from bad_input import Case, CommandLine, cases, pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_picture


def saved(desk: CommandLine, name: str, array: np.ndarray, **form: object):
    Image.fromarray(array).save(desk.folder / name, **form)
    return desk.folder / name


def half(desk: CommandLine, suffix: str, share: float = 0.5):
    return desk.part_of(saved(desk, f"whole.{suffix}", pixels()), share)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A header that promises this size, and next to nothing after it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(more)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


PICTURES: dict[str, Case] = {
    "missing": (lambda desk: ("--image", desk.folder / "none.png"), "none.png"),
    "a folder": (lambda desk: ("--image", desk.folder), "is a folder"),
    "zero bytes": (lambda desk: ("--image", desk.file("a.png", b"")), "it is empty"),
    "a device": (lambda desk: ("--image", "/dev/zero"), "/dev/zero is not a file"),
    "a text": (lambda desk: ("--image", desk.file("a.png", "hello")), "cannot be read as a picture"),
    "an SVG": (
        lambda desk: ("--image", desk.file("a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")),
        "it is a vector graphic (SVG)",
    ),
    "a web page": (lambda desk: ("--image", desk.file("a.jpg", "<!DOCTYPE html>\n<html>")), "it is a web page"),
    "a Git LFS pointer": (
        lambda desk: ("--image", desk.file("a.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
        "git lfs pull",
    ),
    "a PostScript program": (
        lambda desk: ("--image", desk.file("a.eps", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n")),
        "a.eps cannot be read as a picture (cannot identify",  # nobody asked Ghostscript
    ),
    "a voice": (lambda desk: ("--image", desk.whole.voice), "it is a sound or video"),
    "a video": (lambda desk: ("--image", desk.whole.video), "it is a sound or video"),
    "half a PNG": (lambda desk: ("--image", half(desk, "png")), "cut.png"),
    "the header of a PNG": (lambda desk: ("--image", half(desk, "png", 0.004)), "cut.png"),
    "half a JPEG": (lambda desk: ("--image", half(desk, "jpg")), "cut.jpg"),
    "nearly all of a JPEG": (lambda desk: ("--image", half(desk, "jpg", 0.99)), "cut.jpg"),
    "half a WebP": (lambda desk: ("--image", half(desk, "webp")), "cut.webp"),
    "half a TIFF": (lambda desk: ("--image", half(desk, "tiff")), "cut.tiff"),
    "the first bytes of a TIFF": (lambda desk: ("--image", half(desk, "tiff", 0.0016)), "cut.tiff"),
    "half a GIF": (lambda desk: ("--image", half(desk, "gif")), "cut.gif"),
    "1x1": (lambda desk: ("--image", saved(desk, "dot.png", pixels(1, 1))), "1x1 pixels"),
    "15x200": (lambda desk: ("--image", saved(desk, "line.png", pixels(200, 15))), "15x200 pixels"),
    "a bomb": (lambda desk: ("--image", desk.file("a.png", png(40_000, 40_000))), "Scale it down"),
    "a bomb that the library would read": (
        lambda desk: ("--image", desk.file("a.png", png(12_500, 12_500))),
        "12500x12500 pixels",
    ),
    "2147483647x1": (lambda desk: ("--image", desk.file("a.png", png(2**31 - 1, 1))), "Scale it down"),
    "0x0": (lambda desk: ("--image", desk.file("a.png", png(0, 0))), "a.png"),
    "a text that unpacks to 8 MB": (
        lambda desk: (
            "--image",
            desk.file("a.png", png(64, 64, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(8_000_000))))),
        ),
        "too large",
    ),
    "NaN": (lambda desk: ("--image", saved(desk, "a.tiff", np.full((64, 64), math.nan, np.float32))), "not numbers"),
}  # fmt: skip

if not os.path.exists("/dev/zero"):  # on Windows
    PICTURES.pop("a device")


@cases(PICTURES)
def test_a_bad_picture_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(desk.animation(*options(desk)), needle)


UNUSUAL = {
    "16-bit.png": lambda: (Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), {}),
    "CMYK.jpg": lambda: (Image.fromarray(pixels()).convert("CMYK"), {}),
    "animated.webp": lambda: (
        Image.fromarray(pixels()),
        {"save_all": True, "append_images": [Image.fromarray(pixels(seed=1))]},
    ),
    "one-bit.png": lambda: (Image.fromarray(pixels()).convert("1"), {}),
    "transparent.png": lambda: (Image.fromarray(pixels()).convert("RGBA"), {}),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_picture_is_used(tmp_path, name):
    image, form = UNUSUAL[name]()
    image.save(tmp_path / name, **form)
    picture = read_picture(tmp_path / name)
    assert picture.shape == (64, 64, 3) and picture.min() >= 0 and picture.max() <= 1


@pytest.fixture(scope="module")
def pictures():
    kept = {}
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"):
        Image.fromarray(pixels(32, 32)).save(content := io.BytesIO(), form)
        kept[form] = content.getvalue()
    return list(kept.values())


damage = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5), damage)
@pytest.mark.filterwarnings("ignore")
def test_any_damage_gives_a_picture_of_finite_numbers_or_a_sentence(pictures, tmp_path, which, places):
    content = bytearray(pictures[which])
    for place, value in places:
        content[int(place**3 * len(content))] = value
    (tmp_path / "damaged").write_bytes(content)
    try:
        picture = read_picture(tmp_path / "damaged")
    except InputError as error:
        assert "damaged" in str(error)
    else:
        assert picture.isfinite().all() and min(picture.shape[:2]) >= 16
