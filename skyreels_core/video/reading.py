"""The user's pictures and videos as float32 frames in 0..1, and their size and frame rate made to fit."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from av.stream import Disposition
from PIL import Image, ImageOps
from torch import Tensor

from ..audio.reading import Audio, read_audio
from ..errors import InputError
from ..timeline import Timeline

log = logging.getLogger(__name__)

MINIMUM_SIDE = 16  # pixels
BT709, UNSPECIFIED, BT601 = 1, 2, 5  # colour spaces, as numbered by FFmpeg
UNLIKE_ANY_SOURCE = 4  # RGB has none, but PyAV 16 heeds the source's only where the two differ
LIMITED_RANGE, FULL_RANGE = 1, 2
HD_HEIGHT = 720  # lines from which an untagged video is BT.709, below BT.601
EXACT_SCALER = 0x4 | 0x2000 | 0x40000  # swscale: bicubic, full chroma interpolation, accurate rounding
DAMAGED_PICTURE = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error)


def read_picture(path: str | Path) -> Tensor:
    """One picture as float32 [h w 3] in 0..1: turned upright, alpha over white, the first of an animation.

    Raises InputError when the file is missing, damaged, no picture, or under 16 px a side.
    """
    path = _existing_file(path, "picture")
    try:
        with Image.open(path) as image:
            pixels = _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} has more pixels than can be read safely ({error}). Scale it down."
        ) from error
    except DAMAGED_PICTURE as error:
        raise InputError(
            f"{path} cannot be read as a picture ({error}). Give a whole PNG, JPEG, WebP, BMP or TIFF file."
        ) from error
    _check_side(path, pixels.shape[1], pixels.shape[0])
    return torch.from_numpy(pixels)


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        white = 1.0 if image.mode == "F" else 65535.0
        grey = np.asarray(image).astype(np.float32) / white
        return np.repeat(grey[..., None].clip(0, 1), 3, axis=-1)
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB")).astype(np.float32) / 255
    rgba = np.asarray(image.convert("RGBA")).astype(np.float32) / 255
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    return colour * alpha + (1 - alpha)


@dataclass(frozen=True)
class Video:
    frames: Tensor  # float32 [f h w 3], 0..1
    fps: float  # frames per second, constant
    audio: Audio | None

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.fps


def read_video(path: str | Path, seconds: float | None = None) -> Video:
    """A whole video, or its first `seconds`, turned upright, at one constant rate, with its sound if it has any.

    A variable frame rate is laid on its average rate by the time stamps, wide pixels are made square, sound
    that cannot be read is left out; the log says so.
    Raises InputError when the file is missing, damaged, under 16 px a side, or without any frame.
    """
    with _open_video(path) as stream:
        average_rate = float(stream.average_rate) if stream.average_rate else None
        has_sound = bool(stream.container.streams.audio)
        inside = takewhile(lambda item: seconds is None or item[0] < seconds - 1e-6, _decode(path, stream))
        decoded = list(inside)
    times, fps = _clock(np.array([time for time, _ in decoded]), average_rate)
    shown = _shown_at(times, (np.arange(len(times)) + 0.5) / fps)
    if (shown != np.arange(len(times))).any():
        log.warning("%s has a variable frame rate: laid on its average, %.3f frames a second", path, fps)
    frames = _as_float(np.stack([decoded[index][1] for index in shown]))
    return Video(frames, fps, _sound(path) if has_sound else None)


def iter_frames(path: str | Path) -> Iterator[tuple[float, Tensor]]:
    """The frames one by one as (seconds since the first, float32 [h w 3] in 0..1); errors as `read_video`."""
    with _open_video(path) as stream:
        for time, pixels in _decode(path, stream):
            yield time, _as_float(pixels)


def resample_fps(video: Video, fps: float) -> Video:
    """The same seconds at another rate: every new frame is the one on screen at its centre, (f + 0.5)/fps."""
    if fps == video.fps:
        return video
    times = np.arange(len(video.frames)) / video.fps
    centres = (np.arange(Timeline.from_seconds(video.seconds, fps).frames) + 0.5) / fps
    return replace(video, frames=video.frames[torch.from_numpy(_shown_at(times, centres))], fps=fps)


@dataclass(frozen=True)
class Fit:
    """How pictures of one size go into another: scaled by one factor, then cropped or padded in the middle."""

    source: tuple[int, int]  # width, height
    scaled: tuple[int, int]
    target: tuple[int, int]

    @property
    def scale(self) -> float:
        return self.scaled[0] / self.source[0]

    @property
    def offset(self) -> tuple[int, int]:
        """Where the scaled picture's left top corner lies in the target; negative where it is cropped."""
        return tuple((new - old) // 2 for old, new in zip(self.scaled, self.target, strict=True))

    def __str__(self) -> str:
        if self.source == self.target:
            return f"{self.source[0]}x{self.source[1]} kept"
        words = f"{self.source[0]}x{self.source[1]} scaled to {self.scaled[0]}x{self.scaled[1]}"
        if self.scaled == self.target:
            return words
        change = "cropped" if min(self.offset) < 0 else "padded with black"
        return f"{words}, {change} to {self.target[0]}x{self.target[1]}"

    def apply(self, frames: Tensor) -> Tensor:
        """[f h w c] or [h w c] in 0..1 at the source's size -> the same at the target's."""
        if frames.ndim == 4:
            return torch.stack([self.apply(frame) for frame in frames])
        if self.source == self.target:
            return frames
        shrinks = self.scaled[0] < self.source[0] or self.scaled[1] < self.source[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        scaled = cv2.resize(frames.numpy(), self.scaled, interpolation=method)
        scaled = torch.from_numpy(scaled).reshape(self.scaled[1], self.scaled[0], -1).clamp(0, 1)
        left, top = self.offset
        right, bottom = self.target[0] - self.scaled[0] - left, self.target[1] - self.scaled[1] - top
        return torch.nn.functional.pad(scaled, (0, 0, left, right, top, bottom)).contiguous()


def fit(frames: Tensor, width: int, height: int, mode: str = "cover") -> tuple[Tensor, Fit]:
    """[f h w c] or [h w c] at width x height, and what was done to it, for the log.

    `cover` fills the target and crops the rest away, `contain` keeps everything and pads with black.
    """
    source_height, source_width = frames.shape[-3:-1]
    choose = {"cover": max, "contain": min}[mode]
    scale = choose(width / source_width, height / source_height)
    scaled = max(1, round(source_width * scale)), max(1, round(source_height * scale))
    done = Fit((source_width, source_height), scaled, (width, height))
    return done.apply(frames), done


def _existing_file(path: str | Path, what: str) -> Path:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give the {what} file itself.")
    if not path.exists():
        raise InputError(f"{path} does not exist. Give the path of a {what} file.")
    return path


def _check_side(path: str | Path, width: int, height: int) -> None:
    if min(width, height) < MINIMUM_SIDE:
        raise InputError(f"{path} is {width}x{height} pixels: at least {MINIMUM_SIDE} a side are needed.")


def _sound(path: str | Path) -> Audio | None:
    try:
        return read_audio(path)
    except InputError as error:
        log.warning("the video is read without its sound: %s", error)
        return None


@contextmanager
def _open_video(path: str | Path) -> Iterator[av.VideoStream]:
    path = _existing_file(path, "video")
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except av.FFmpegError as error:
        raise InputError(
            f"{path} cannot be read as a video ({error.strerror}). Give a whole video file."
        ) from error
    with container:
        moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not moving:
            raise InputError(f"{path} has no video stream. Give a file with moving pictures in it.")
        _check_side(path, moving[0].width, moving[0].height)
        yield moving[0]


def _decode(path: str | Path, stream: av.VideoStream) -> Iterator[tuple[float, np.ndarray]]:
    stream.thread_type = "AUTO"
    size = round(stream.width * (stream.sample_aspect_ratio or 1)), stream.height
    if size[0] != stream.width:
        log.warning(
            "%s has pixels that are not square: %dx%d becomes %dx%d", path, stream.width, size[1], *size
        )
    count, start = 0, 0.0
    try:
        for frame in stream.container.decode(stream):
            time = count / float(stream.average_rate) if frame.time is None else frame.time
            start = start if count else time
            yield time - start, _upright(frame, *size)
            count += 1
    except av.FFmpegError as error:
        raise InputError(
            f"{path} is damaged after {count} frames ({error.strerror}). Give a whole video file."
        ) from error
    if not count:
        raise InputError(f"{path} holds no frame that can be read. Give a whole video file.")
    if count < stream.frames:
        log.warning("%s announces %d frames, %d could be read", path, stream.frames, count)


def _upright(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    full_range = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
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
    return np.rot90(pixels, round(frame.rotation / 90))


def _matrix(frame: av.VideoFrame) -> int:
    if frame.colorspace != UNSPECIFIED:
        return frame.colorspace
    return BT709 if frame.height >= HD_HEIGHT else BT601


def _clock(times: np.ndarray, average_rate: float | None) -> tuple[np.ndarray, float]:
    """Time stamps and rate that agree: containers without a rate of their own, and cut files, contradict them."""
    last = len(times) - 1
    if average_rate is not None and (np.diff(times) <= 0).any():
        return np.arange(len(times)) / average_rate, average_rate
    if average_rate is not None and abs(times[-1] * average_rate - last) < 0.5:
        return times, average_rate
    return times, last / times[-1]


def _shown_at(times: np.ndarray, instants: np.ndarray) -> np.ndarray:
    shown = np.searchsorted(times, instants + 1e-6, side="right") - 1
    return shown.clip(0, len(times) - 1)


def _as_float(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)
