"""Decoded frames as the picture that is meant: upright, its pixels square, in SDR BT.709."""

from __future__ import annotations

import logging
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.error import FFmpegError
from torch import Tensor

from ..errors import InputError
from .light import GAMUTS, TRANSFERS, light
from .scaling import scaled
from .stated import UNSPECIFIED, Stated, stated

log = logging.getLogger(__name__)

YCGCO = 8  # matrices, as numbered by ITU-T H.273
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
BY_PRIMARIES = {1: "bt709", 9: "bt2020"}  # matrix 12 is the one of the primaries
UNKNOWN_MATRICES = {
    11: "SMPTE 2085",
    13: "BT.2020 CL",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-R",
    17: "YCgCo-R",
}
FULL_RANGE = 2
HD_HEIGHT = 720  # lines from which an untagged video is BT.709, below BT.601


def rgb(frame: av.VideoFrame, width: int, height: int) -> Tensor:
    """A frame at a size before it is turned -> float32 [h w 3] in 0..1, sRGB.

    A frame of another shape than the first is fitted and padded with black. Raises InputError for pixels that
    cannot be converted.
    """
    about = stated(frame)
    shown = about.orientation
    if shown.swaps_sides != about.swaps_sides:
        width, height = height, width
    pixels = _padded(_sdr(frame, *_inside(frame, about, width, height), about), width, height)
    return torch.from_numpy(np.ascontiguousarray(shown.apply(pixels)))


def opacity(frame: av.VideoFrame, width: int, height: int) -> Tensor | float:
    """How opaque each pixel is, float32 [h w 1] in 0..1 at a size before it is turned; 1 where the format knows no
    transparency."""
    if not any(component.is_alpha for component in frame.format.components):
        return 1.0
    about = stated(frame)
    shown = about.orientation
    if shown.swaps_sides != about.swaps_sides:
        width, height = height, width
    sides = dict(zip(("width", "height"), _inside(frame, about, width, height), strict=True))
    alpha = frame.reformat(format="rgba", **sides).to_ndarray()[..., 3:]
    pixels = shown.apply(_padded(alpha, width, height).reshape(height, width, 1))
    return torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255


def square_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height before it is turned, its pixels made square."""
    return round(frame.width * (stated(frame).aspect or 1)), frame.height


def meaning(frame: av.VideoFrame) -> list[str]:
    """Sentences about what is converted, for the log. Raises InputError for colours that nobody here knows."""
    about = stated(frame)
    if about.dolby or frame.colorspace in UNKNOWN_MATRICES:
        coded = "Dolby Vision profile 5" if about.dolby else UNKNOWN_MATRICES[frame.colorspace]
        raise InputError(f"has colours that cannot be converted here ({coded}). Export it as SDR H.264.")
    sentences = ["is interlaced: it is deinterlaced"] if about.interlaced else []
    if light(about.transfer, about.primaries) is not None:
        coded = (TRANSFERS.get(about.transfer), GAMUTS.get(about.primaries))
        sentences.append(f"is in {', '.join(filter(None, coded))}: it is converted to SDR BT.709")
    return sentences


class Explanation:
    """What is done to the frames of a file, for the log: each sentence once. Raises InputError as `meaning`."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.first, self.kind = path, None, None
        self.logged: set[str] = set()
        self.converted: set[str] = set()  # pixel formats

    def __call__(self, frame: av.VideoFrame) -> None:
        shape = frame.width, frame.height, stated(frame).orientation.swaps_sides
        self.first = self.first or shape
        kind = shape, frame.colorspace, stated(frame)
        if kind == self.kind:
            return
        self.kind = kind
        for sentence in set(self._sentences(frame, shape)) - self.logged:
            log.warning("%s %s", self.path, sentence)
            self.logged.add(sentence)

    def _sentences(self, frame: av.VideoFrame, shape: tuple[int, int, bool]) -> list[str]:
        resized = "changes its size midway: every frame is fitted into the size of the first"
        width, height = square_size(frame)
        square = f"has pixels that are not square: {frame.width}x{frame.height} becomes {width}x{height}"
        try:
            sentences = meaning(frame)
            if frame.format.name not in self.converted:
                rgb(frame, width, height)  # what cannot be is said before the work begins
                self.converted.add(frame.format.name)
            return sentences + [square] * (width != frame.width) + [resized] * (shape != self.first)
        except InputError as error:
            raise InputError(f"{self.path} {error}") from error


def _inside(frame: av.VideoFrame, about: Stated, width: int, height: int) -> tuple[int, int]:
    """The largest size of the frame's own shape inside width x height."""
    own = square_size(frame)
    if about.aspect is None or own == (width, height):
        return width, height
    scale = min(width / own[0], height / own[1])
    return max(1, round(own[0] * scale)), max(1, round(own[1] * scale))


def _padded(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    down, right = height - pixels.shape[0], width - pixels.shape[1]
    if not (down or right):
        return pixels
    sides = down // 2, down - down // 2, right // 2, right - right // 2
    return cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_CONSTANT, value=(0, 0, 0))


def _sdr(frame: av.VideoFrame, width: int, height: int, about: Stated) -> np.ndarray:
    """float32 [h w 3]; SDR BT.709 exactly as its 8 bits say."""
    change = light(about.transfer, about.primaries)
    try:
        if change is None and frame.colorspace != YCGCO:
            return _coded(frame, width, height, "rgb24", about).astype(np.float32) / np.float32(255)
        codes = _coded(frame, width, height, "rgb48le", about)
    except FFmpegError as error:
        raise InputError(
            f"has frames of {frame.width}x{frame.height} pixels in {frame.format.name} that cannot become "
            f"{width}x{height} RGB ({error.strerror}). Give a whole video file, or export it as H.264."
        ) from error
    return codes.astype(np.float32) / np.float32(65535) if change is None else change.sdr(codes)


def _coded(frame: av.VideoFrame, width: int, height: int, pixels: str, about: Stated) -> np.ndarray:
    """R'G'B' [h w 3] of as many bits as `pixels` has."""
    full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    places = {"in_chroma_loc": about.siting, "in_range": "pc" if full else "tv"}
    if frame.colorspace == YCGCO and not frame.format.is_rgb:
        same = {"in_color_matrix": "bt709", "out_color_matrix": "bt709", "out_range": "pc"}
        codes = scaled(frame, width, height, "yuv444p16le", **same, **places)
        return _from_ycgco(codes.to_ndarray(channel_last=True))
    matrix = _matrix(frame, about)
    return scaled(frame, width, height, pixels, in_color_matrix=matrix, **places).to_ndarray()


def _from_ycgco(codes: np.ndarray) -> np.ndarray:
    """Y, Cg, Co as uint16 [h w 3] of full range -> R'G'B', the same."""
    luma, green, orange = np.moveaxis(codes.astype(np.int32) - (0, 32768, 32768), -1, 0)
    colours = luma - green + orange, luma + green, luma - green - orange
    return np.stack(colours, -1).clip(0, 65535).astype(np.uint16)


def _matrix(frame: av.VideoFrame, about: Stated) -> str:
    by_size = "bt709" if frame.height >= HD_HEIGHT else "bt601"
    if frame.colorspace == UNSPECIFIED:
        return by_size
    return MATRICES.get(frame.colorspace) or BY_PRIMARIES.get(about.primaries, by_size)
