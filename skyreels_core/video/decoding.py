"""Frames as FFmpeg decodes them to pixels that stand upright in the colours that were meant."""

from __future__ import annotations

import av
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

BT709, UNSPECIFIED, BT601 = 1, 2, 5  # colour spaces, as numbered by FFmpeg
UNLIKE_ANY_SOURCE = 4  # RGB has none, but PyAV 16 heeds the source's only where the two differ
LIMITED_RANGE, FULL_RANGE = 1, 2
HD_HEIGHT = 720  # lines from which an untagged video is BT.709, below BT.601
EXACT_SCALER = 0x4 | 0x2000 | 0x40000  # swscale: bicubic, full chroma interpolation, accurate rounding


def quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise, until the frame stands upright."""
    return round(frame.rotation / 90)


def upright(frame: av.VideoFrame, width: int, height: int) -> Tensor:
    """A frame at its size before it is turned -> float32 [h w 3] in 0..1."""
    full_range = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    try:
        pixels = frame.to_ndarray(
            format="rgb24",
            width=width,
            height=height,
            src_colorspace=_matrix(frame),
            dst_colorspace=UNLIKE_ANY_SOURCE,
            src_color_range=FULL_RANGE if full_range else LIMITED_RANGE,
            dst_color_range=FULL_RANGE,
            interpolation=EXACT_SCALER,
        )
    except av.FFmpegError as error:
        raise InputError(
            f"Frames of {frame.width}x{frame.height} pixels in {frame.format.name} cannot become {width}x{height} RGB "
            f"({error.strerror}). Give a whole video file, or export it as H.264."
        ) from error
    turned = np.ascontiguousarray(np.rot90(pixels, quarter_turns(frame)))
    return torch.from_numpy(turned).float().div_(255)


def _matrix(frame: av.VideoFrame) -> int:
    if frame.colorspace != UNSPECIFIED:
        return frame.colorspace
    return BT709 if frame.height >= HD_HEIGHT else BT601
