"""Stored pictures as the picture that is meant: upright, opaque, sRGB."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import InputError, first_words
from .files import check_side, existing_file
from .kinds import foreign, is_heic
from .profiles import Conversion, conversion

# none that runs a program
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000")
MOST_PIXELS = 120_000_000  # a camera's; each takes 12 bytes as floats
DAMAGED_PICTURE = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error)
GREY = ("1", "L", "LA", "La")


def read_picture(path: str | Path, behind: float = 1.0) -> Tensor:
    """One picture as float32 [h w 3] in 0..1, sRGB: turned upright, alpha over white (`behind` = 0: over black, as
    masks need it, in which transparent is not here), the first of an animation.

    Raises InputError when the file is missing, damaged, no picture, or under 16 px a side.
    """
    path = existing_file(path, "picture")
    try:
        with Image.open(path, formats=_readable(path)) as image:
            _check_pixels(path, image)
            to_srgb = conversion(path, image)
            pixels = _rgb(ImageOps.exif_transpose(image), to_srgb, behind)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} has more pixels than can be read safely ({error}). Scale it down."
        ) from error
    except DAMAGED_PICTURE as error:
        why = foreign(path, first_words(error), media=True)
        raise InputError(
            f"{path} cannot be read as a picture ({why}). Give a whole PNG, JPEG, WebP, BMP or TIFF file."
        ) from error
    check_side(path, pixels.shape[1], pixels.shape[0])
    if not np.isfinite(pixels).all():
        raise InputError(
            f"{path} holds pixels that are not numbers (NaN, infinite). Export the picture again."
        )
    return torch.from_numpy(pixels)


def _readable(path: Path) -> list[str]:
    Image.init()
    if "HEIF" not in Image.OPEN and is_heic(path):
        _learn_heic(path)
    return [name for name in FORMATS if name in Image.OPEN]


def _learn_heic(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise InputError(
            f"{path} is in HEIC, which Pillow cannot read alone. Export it as JPEG or PNG, or install pillow-heif."
        ) from error
    register_heif_opener()


def _check_pixels(path: Path, image: Image.Image) -> None:
    """Before any is read."""
    if image.width * image.height > MOST_PIXELS:
        raise InputError(
            f"{path} is {image.width}x{image.height} pixels, more than can be read safely. Scale it down."
        )


def _rgb(image: Image.Image, to_srgb: Conversion | None, behind: float) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey(image, to_srgb)
    colour, alpha = _parts(image)
    if to_srgb is None:
        pixels = np.asarray(colour.convert("RGB")).astype(np.float32) / 255
    else:
        pixels = to_srgb(colour)
    return pixels if alpha is None else pixels * alpha + behind * (1 - alpha)


def _parts(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """Colour of mode L, RGB, CMYK or LAB, and alpha, float32 [h w 1], where there is any."""
    if not image.has_transparency_data:
        return image.convert("L") if image.mode in GREY else image, None
    rgba = image.convert("RGBA")
    alpha = np.asarray(rgba.getchannel("A")).astype(np.float32)[..., None] / 255
    colour = rgba.convert("RGB")
    return colour.convert("L") if image.mode in GREY else colour, alpha


def _deep_grey(image: Image.Image, to_srgb: Conversion | None) -> np.ndarray:
    """More than 8 bits; a profile's curve is interpolated."""
    white = 1.0 if image.mode == "F" else 65535.0
    grey = (np.asarray(image).astype(np.float32) / white).clip(0, 1)
    if to_srgb is None:
        return np.repeat(grey[..., None], 3, axis=-1)
    levels = np.linspace(0, 1, 256)
    curve = to_srgb(Image.fromarray(np.arange(256, dtype=np.uint8)[None]))[0]
    return np.stack([np.interp(grey, levels, curve[:, c]) for c in range(3)], -1).astype(np.float32)
