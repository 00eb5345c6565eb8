"""What the colours of a picture mean: ICC profiles, and what PNG, AVIF and cameras state instead of one."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms

from ..errors import first_words
from .light import ADOBE, ADOBE_GAMMA, GAMUTS, SRGB, TRANSFERS, Light, light, power_law

log = logging.getLogger(__name__)

# of mode L, RGB, CMYK or LAB -> float32 [h w 3] in 0..1, sRGB
Conversion = Callable[[Image.Image], np.ndarray]

MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB"}  # Pillow's, of a profile's colour space
UNSEEN = 2  # 8-bit levels: a profile that moves no colour further is sRGB
INTENT, FLAGS = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
SRGB_GAMMA, CLOSE_GAMMA = 2.2, 0.1  # 1/gAMA of PNG files in sRGB, and how far other writers round it
CLOSE_PLACE = 0.005  # of chromaticities
INTEROPERABILITY, ADOBE_CAMERA = 0xA005, "R03"  # EXIF (DCF 2.0)
HEADER_BYTES = 65536
BAD_PROFILE = (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError, KeyError)

BAD_EXIF = (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error)


def conversion(path: Path, image: Image.Image) -> Conversion | None:
    """How the pixels of an opened picture become sRGB, None where they are; the log says what is converted."""
    coded = _code_points(path, image.format)
    content = image.info.get("icc_profile")
    if image.mode == "LAB" or (content and not (coded and image.format == "PNG")):
        return _by_profile(path, image.mode, content)
    name, change = _stated(image, coded)
    if change is None:
        return None
    _say(path, name)
    return lambda colour: change.sdr(np.asarray(colour.convert("RGB")).astype(np.uint16) * np.uint16(257))


def _say(path: Path, name: str) -> None:
    log.warning("%s: its colours (%s) are converted to sRGB", path, name)


def _by_profile(path: Path, mode: str, content: bytes | None) -> Conversion | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content) if content else ImageCms.createProfile("LAB"))
        space = MODES[cast(Any, profile.profile).xcolor_space.strip()]
        name = ImageCms.getProfileDescription(profile)
        convert = _transform(profile, space, mode)
        if space in ("L", "RGB") and _changes_nothing(convert, space):
            return None
    except BAD_PROFILE as error:
        log.warning("%s: its colour profile cannot be used (%s) and is ignored", path, first_words(error))
        return None
    _say(path, name.strip() or space)
    return lambda colour: convert(colour).astype(np.float32) / 255


def _transform(
    profile: ImageCms.ImageCmsProfile, space: str, mode: str
) -> Callable[[Image.Image], np.ndarray]:
    if space != _space(mode) and (space, _space(mode)) != ("RGB", "L"):
        raise ValueError(f"it is of {space} and the pixels are {mode}")
    to_srgb = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), space, "RGB", INTENT, FLAGS)
    return lambda colour: np.asarray(ImageCms.applyTransform(colour.convert(space), to_srgb))


def _space(mode: str) -> str:
    if mode in ("CMYK", "LAB"):
        return mode
    return "L" if mode in ("1", "L", "LA", "La", "F") or mode.startswith("I") else "RGB"


def _changes_nothing(convert: Callable[[Image.Image], np.ndarray], space: str) -> bool:
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(*[steps] * 3), -1).reshape(9, 81, 3)
    sample = Image.fromarray(colours).convert(space)
    moved = convert(sample).astype(int) - np.asarray(sample.convert("RGB"))
    return bool(np.abs(moved).max() <= UNSEEN)


def _stated(image: Image.Image, coded: tuple[int, int] | None) -> tuple[str, Light | None]:
    """A name and how it is converted."""
    if coded is not None:
        primaries, transfer = coded
        names = TRANSFERS.get(transfer), GAMUTS.get(primaries)
        return ", ".join(filter(None, names)), light(transfer, primaries)
    if image.format == "PNG" and "srgb" not in image.info:
        return "gAMA, cHRM", _by_gamma(image.info.get("gamma"), image.info.get("chromaticity"))
    return "Adobe RGB", power_law(ADOBE_GAMMA, ADOBE) if _is_adobe_camera(image) else None


def _is_adobe_camera(image: Image.Image) -> bool:
    try:
        return image.getexif().get_ifd(INTEROPERABILITY).get(1) == ADOBE_CAMERA
    except BAD_EXIF:
        return False


def _by_gamma(gamma: float | None, places: tuple[float, ...] | None) -> Light | None:
    """From a PNG's gAMA and cHRM; None where they are missing, sRGB's, or impossible."""
    exponent = 1 / gamma if gamma else SRGB_GAMMA
    gamut = SRGB
    if places is not None and len(places) == 8 and min(places[1::2]) > 0:
        white, *colours = zip(places[::2], places[1::2], strict=True)
        gamut = (*colours, white)
    is_srgb = np.abs(np.subtract(gamut, SRGB)).max() < CLOSE_PLACE
    if abs(exponent - SRGB_GAMMA) < CLOSE_GAMMA:
        exponent = None
    if (is_srgb and exponent is None) or not (exponent is None or 0.1 < exponent < 10):
        return None
    try:
        return power_law(exponent, SRGB if is_srgb else gamut)
    except np.linalg.LinAlgError:
        return None


def _code_points(path: Path, format: str | None) -> tuple[int, int] | None:
    """Primaries and transfer (ITU-T H.273) that a PNG, an AVIF or a HEIC states."""
    mark = {"PNG": b"cICP", "AVIF": b"colrnclx", "HEIF": b"colrnclx"}.get(format or "")
    if mark is None:
        return None
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if format == "PNG":
        header = header[: header.find(b"IDAT")]
    width = 1 if format == "PNG" else 2  # bytes of a number
    place = header.find(mark) + len(mark)
    if mark not in header or len(header) < place + 2 * width:
        return None
    primaries, transfer = header[place : place + width], header[place + width : place + 2 * width]
    return int.from_bytes(primaries, "big"), int.from_bytes(transfer, "big")
