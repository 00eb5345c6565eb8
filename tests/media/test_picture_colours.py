"""Pictures whose pixels are not sRGB as they are stored."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from skyreels_core.errors import InputError
from skyreels_core.media.footage import open_video
from skyreels_core.media.light import PRIMARIES, SRGB, to_xyz
from skyreels_core.media.reading import read_picture

SKIN, RED, GREY = (204, 153, 128), (230, 40, 40), (100, 100, 100)
SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + struct.pack(
    ">5i", *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
D50 = (0.9642, 1.0, 0.8249)
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
SRGB_D50 = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def icc(name: bytes, space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 display profile."""
    described = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 79
    tags = {
        b"desc": described,
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50),
        b"cprt": b"text\0\0\0\0none\0",
        **tags,
    }
    body, table, start = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content
    header = (
        struct.pack(">I4sI", start + len(body), b"none", 0x02400000) + b"mntr" + space + b"XYZ " + b"\0" * 12
    )
    header += b"acsp" + b"\0" * 28 + fixed(*D50) + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + body


def rgb_profile(name: bytes, columns: tuple, curve: bytes) -> bytes:
    places = {
        bytes([c]) + b"XYZ": b"XYZ \0\0\0\0" + fixed(*xyz) for c, xyz in zip(b"rgb", columns, strict=True)
    }
    return icc(name, b"RGB ", places | {bytes([c]) + b"TRC": curve for c in b"rgb"})


PROFILES = {
    "Display P3": rgb_profile(b"Display P3", P3, SRGB_CURVE),
    "Adobe RGB": rgb_profile(b"Adobe RGB (1998)", ADOBE, gamma(563 / 256)),
    "ProPhoto RGB": rgb_profile(b"ProPhoto RGB", PROPHOTO, gamma(1.8)),
}
GREY_18 = icc(b"Gray Gamma 1.8", b"GRAY", {b"kTRC": gamma(1.8)})


def within(profile: bytes, colour: tuple[int, ...]) -> tuple[int, ...]:
    """The sRGB colour as a picture with that profile stores it."""
    there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    to = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), there, "RGB", "RGB", ImageCms.Intent(1))
    return ImageCms.applyTransform(Image.new("RGB", (1, 1), colour), to).getpixel((0, 0))


def seen(path: Path) -> np.ndarray:
    return read_picture(path)[20, 20].numpy() * 255


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(path: Path, colour: tuple[int, ...], *chunks: bytes) -> Path:
    """A picture of one colour with more chunks before its pixels."""
    Image.new("RGB", (32, 32), colour).save(content := io.BytesIO(), "PNG")
    path.write_bytes(content.getvalue()[:33] + b"".join(chunks) + content.getvalue()[33:])
    return path


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "avif"])
@pytest.mark.parametrize("colour", [SKIN, RED])
def test_a_profile_is_followed_and_named_in_the_log(tmp_path, caplog, name, suffix, colour):
    stored = Image.new("RGB", (32, 32), within(PROFILES[name], colour))
    form = {"lossless": True} if suffix == "webp" else {"quality": 100} if suffix in ("jpg", "avif") else {}
    stored.save(tmp_path / f"a.{suffix}", icc_profile=PROFILES[name], **form)
    assert np.abs(seen(tmp_path / f"a.{suffix}") - colour).max() < 4  # 8 bits and JPEG
    assert name in caplog.text and f"a.{suffix}" in caplog.text


def test_a_palette_with_a_profile_and_alpha(tmp_path):
    stored = Image.new("RGBA", (32, 32), (*within(PROFILES["Display P3"], SKIN), 255))
    stored.paste((0, 0, 0, 0), (0, 0, 8, 8))
    stored.save(tmp_path / "rgba.png", icc_profile=PROFILES["Display P3"])
    stored.quantize(16).save(tmp_path / "p.png", icc_profile=PROFILES["Display P3"])
    for name in ("rgba.png", "p.png"):
        assert np.abs(seen(tmp_path / name) - SKIN).max() < 3
        assert read_picture(tmp_path / name)[2, 2].min() == 1  # transparent: white


@pytest.mark.parametrize("depth", [8, 16])
def test_a_grey_profile_is_followed_at_any_depth(tmp_path, depth):
    stored = 0.4
    if depth == 8:
        Image.new("L", (32, 32), round(stored * 255)).save(tmp_path / "a.png", icc_profile=GREY_18)
    else:
        grey = np.full((32, 32), round(stored * 65535), np.uint16)
        Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=GREY_18)
    light = stored**1.8
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(seen(tmp_path / "a.png") - expected).max() < 2


def test_an_srgb_profile_changes_no_pixel_and_is_not_spoken_of(tmp_path, caplog):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for number, profile in enumerate(
        (
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            rgb_profile(b"s", SRGB_D50, SRGB_CURVE),
        )
    ):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", icc_profile=profile)
        assert np.array_equal(
            read_picture(tmp_path / f"{number}.png").numpy(), pixels.astype(np.float32) / 255
        )
    assert not caplog.records


@pytest.mark.parametrize("profile", [b"none", bytes(500), PROFILES["Display P3"][:200], GREY_18])
def test_a_profile_that_cannot_be_used_costs_only_itself(tmp_path, caplog, profile):
    Image.new("RGB", (32, 32), SKIN).save(tmp_path / "a.png", icc_profile=profile)
    assert np.abs(seen(tmp_path / "a.png") - SKIN).max() < 1e-3
    assert "a.png: its colour profile cannot be used" in caplog.text


def test_cmyk_without_a_profile_is_read_as_before(tmp_path):
    picture = Image.new("RGB", (32, 32), SKIN).convert("CMYK")
    for name in ("a.jpg", "a.tiff"):
        picture.save(tmp_path / name)
        assert np.abs(seen(tmp_path / name) - SKIN).max() < 4


def test_a_profile_of_other_colours_than_the_pixels_is_left_out(tmp_path, caplog):
    Image.new("RGB", (32, 32), SKIN).convert("CMYK").save(
        tmp_path / "a.tiff", icc_profile=PROFILES["Adobe RGB"]
    )
    assert np.abs(seen(tmp_path / "a.tiff") - SKIN).max() < 4
    assert "is ignored" in caplog.text


def encoded(light: np.ndarray, exponent: float) -> tuple[int, ...]:
    return tuple(int(v) for v in np.round(255 * np.clip(light, 0, 1) ** exponent))


def linear(colour: tuple[int, ...]) -> np.ndarray:
    code = np.array(colour) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def test_gamma_and_chromaticities_of_a_png_are_followed(tmp_path):
    stored = encoded(linear(SKIN), 1.0)
    linear_light = chunk(b"gAMA", struct.pack(">I", 100000))
    assert np.abs(seen(png(tmp_path / "a.png", stored, linear_light)) - SKIN).max() < 3
    xy = [value for place in (PRIMARIES[12][3], *PRIMARIES[12][:3]) for value in place]
    places = chunk(b"cHRM", struct.pack(">8I", *(round(value * 100000) for value in xy)))
    p3 = np.linalg.solve(to_xyz(PRIMARIES[12]), to_xyz(SRGB) @ linear(SKIN))
    usual = chunk(b"gAMA", struct.pack(">I", 45455))
    stored = tuple(round(255 * (1.055 * v ** (1 / 2.4) - 0.055)) for v in p3)
    assert np.abs(seen(png(tmp_path / "b.png", stored, usual, places)) - SKIN).max() < 2


@pytest.mark.parametrize(
    "chunks",
    [
        (chunk(b"gAMA", struct.pack(">I", 45455)),),
        (chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32))),
        (chunk(b"cHRM", struct.pack(">8I", *[30000] * 8)),),
        (chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100000))),
        (chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(b"gAMA", struct.pack(">I", 100000))),
        (chunk(b"cICP", b"\1"),),
    ],
)
def test_headers_that_say_srgb_or_nothing_possible_change_no_pixel(tmp_path, caplog, chunks):
    assert np.abs(seen(png(tmp_path / "a.png", SKIN, *chunks)) - SKIN).max() < 1e-3
    assert not caplog.records


def test_an_hdr_png_is_shown_in_sdr_and_says_so(tmp_path, caplog):
    white = 0.5807  # of PQ: 203 nits
    path = png(tmp_path / "a.png", (round(white * 255),) * 3, chunk(b"cICP", bytes([9, 16, 0, 1])))
    assert 235 < seen(path).min() <= 255
    assert "HDR (PQ), BT.2020" in caplog.text


def test_an_avif_in_other_primaries_without_a_profile(tmp_path, caplog):
    Image.new("RGB", (32, 32), GREY).save(tmp_path / "a.avif", quality=100)
    content = (tmp_path / "a.avif").read_bytes()
    place = content.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(content[:place] + struct.pack(">HH", 12, 13) + content[place + 4 :])
    assert np.abs(seen(tmp_path / "a.avif") - GREY).max() < 3
    assert "Display P3" in caplog.text


def test_a_cameras_adobe_rgb_needs_no_profile(tmp_path, caplog):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    stored = Image.new("RGB", (32, 32), within(PROFILES["Adobe RGB"], SKIN))
    stored.save(tmp_path / "a.jpg", quality=100, exif=exif)
    assert np.abs(seen(tmp_path / "a.jpg") - SKIN).max() < 4
    assert "Adobe RGB" in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_every_orientation_of_exif_stands_upright(tmp_path, orientation, suffix):
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24, 0] = stored[:16, 24:, 1] = stored[16:, :24, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    form = (
        {"quality": 100, "subsampling": 0}
        if suffix == "jpg"
        else {"lossless": True}
        if suffix == "webp"
        else {}
    )
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=exif, **form)
    turns, mirrored = {
        1: (0, 0),
        2: (0, 1),
        3: (2, 0),
        4: (2, 1),
        5: (3, 1),
        6: (3, 0),
        7: (1, 1),
        8: (1, 0),
    }[orientation]
    expected = np.rot90(stored, turns)
    expected = expected[:, ::-1] if mirrored else expected
    found = read_picture(tmp_path / f"a.{suffix}").numpy() * 255
    assert found.shape == expected.shape and np.abs(found - expected).max() < 5


def heic(path: Path, *brands: bytes) -> Path:
    box = b"ftyp" + brands[0] + bytes(4) + b"".join(brands)
    path.write_bytes(struct.pack(">I", len(box) + 4) + box + bytes(200))
    return path


@pytest.mark.parametrize("brands", [(b"heic", b"mif1"), (b"mif1", b"heic"), (b"msf1", b"hevc")])
def test_heic_is_named_and_the_way_out_too(tmp_path, brands):
    Image.init()
    if "HEIF" in Image.OPEN:
        pytest.skip("Pillow reads HEIC here")
    with pytest.raises(InputError, match=r"HEIC.*Export it as JPEG or PNG"):
        read_picture(heic(tmp_path / "a.jpg", *brands))
    with pytest.raises(InputError, match=r"HEIC.*Export it as H\.264"):
        open_video(heic(tmp_path / "a.heic", *brands))


def test_an_animated_webp_is_no_video_and_is_named(tmp_path):
    red = Image.new("RGB", (32, 32), "red")
    Image.new("RGB", (32, 32)).save(tmp_path / "a.webp", save_all=True, append_images=[red])
    with pytest.raises(InputError, match=r"animated picture \(WebP\).*H\.264"):
        open_video(tmp_path / "a.webp")


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_other_animated_pictures_are_read_as_videos(tmp_path, suffix):
    frames = [Image.new("RGB", (48, 32), (0, 60 * i, 0)) for i in range(4)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    video = open_video(path)
    assert len(video) == 4 and video.size == (48, 32)
    assert [round(f[5, 5, 1].item() * 255) // 60 for f in video.stream()] == [0, 1, 2, 3]
