"""Video files as FFmpeg decodes them: time stamps, and pixels that stand upright in the colours that were meant."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import torch
from av.stream import Disposition
from torch import Tensor

from ..errors import InputError
from ..media.container import check_whole, open_media
from ..media.files import check_side, existing_file

log = logging.getLogger(__name__)

BT709, UNSPECIFIED, BT601 = 1, 2, 5  # colour spaces, as numbered by FFmpeg
UNLIKE_ANY_SOURCE = 4  # RGB has none, but PyAV 16 heeds the source's only where the two differ
LIMITED_RANGE, FULL_RANGE = 1, 2
HD_HEIGHT = 720  # lines from which an untagged video is BT.709, below BT.601
EXACT_SCALER = 0x4 | 0x2000 | 0x40000  # swscale: bicubic, full chroma interpolation, accurate rounding


@contextmanager
def opened(path: str | Path) -> Iterator[av.VideoStream]:
    """The moving pictures of a file. Raises InputError where there are none that can be read."""
    path = existing_file(path, "video")
    check_whole(path)
    try:
        container = open_media(path)
    except av.FFmpegError as error:
        raise InputError(
            f"{path} cannot be read as a video ({error.strerror}). Give a whole video file."
        ) from error
    with container:
        moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not moving:
            raise InputError(f"{path} has no video stream. Give a file with moving pictures in it.")
        if moving[0].codec_context is None:
            raise InputError(f"{path} is in a format that cannot be decoded here. Export it as H.264.")
        check_side(path, *square_size(moving[0]))
        yield moving[0]


def decode(path: str | Path, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """The frames in order with their seconds since the first, their colours not yet computed.

    Raises InputError where the file is damaged, or holds no frame.
    """
    stream.thread_type = (
        "SLICE"  # frame threads work ahead; what they log waits for the lock that closing holds
    )
    count, start = 0, 0.0
    try:
        for frame in stream.container.decode(stream):
            time = count / float(stream.average_rate) if frame.time is None else frame.time
            start = start if count else time
            yield time - start, frame
            count += 1
    except av.FFmpegError as error:
        raise InputError(
            f"{path} is damaged after {count} frames ({error.strerror}). Give a whole video file."
        ) from error
    if not count:
        raise InputError(f"{path} holds no frame that can be read. Give a whole video file.")
    if count < stream.frames:
        log.warning("%s announces %d frames, %d could be read", path, stream.frames, count)


def square_size(stream: av.VideoStream) -> tuple[int, int]:
    """Width and height of what is stored, its pixels made square."""
    return round(stream.width * (stream.sample_aspect_ratio or 1)), stream.height


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
