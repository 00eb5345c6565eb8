"""Frames and voice into files: exact frame count and rate, whole or not at all."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import soxr
import torch
from PIL import Image
from torch import Tensor

from ..audio.reading import Audio
from ..errors import InputError
from ..files import atomic
from .decoding import BT709, EXACT_SCALER, LIMITED_RANGE

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
AAC_RATES = (44100, 48000)  # samples a second that are kept; every other voice goes to 48000
AAC_BIT_RATE = 192_000


def to_uint8(frames: Tensor) -> Tensor:
    """Float 0..1 -> uint8 by rounding to nearest: the only place where frames become 8-bit."""
    if not torch.isfinite(frames).all():
        raise InputError(
            "The frames hold NaN or infinite values and would come out black. Check the model's precision."
        )
    return frames.clamp(0, 1).mul(255).round().to(torch.uint8)


def frame_rate(fps: float) -> Fraction:
    """The exact rate behind a float: 29.97002997 -> 30000/1001, 12.5 -> 25/2."""
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"{fps} frames a second were given. A positive number is needed.")
    return Fraction(fps).limit_denominator(1001 * 1000)


def check_output(path: str | Path, suffixes: Sequence[str] = VIDEO_SUFFIXES) -> Path:
    """The path, if a file of that kind can be made there; InputError otherwise. Call it before the work."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give a file name that ends in {' or '.join(suffixes)}.")
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path} cannot be written: a name that ends in {' or '.join(suffixes)} is needed.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: {path.parent} is not a folder. Make it or choose another."
        )
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: no file can be made in {path.parent} ({error.strerror})."
        ) from error
    return path


def write_picture(path: str | Path, frame: Tensor) -> None:
    """[h w 3] in 0..1 -> PNG."""
    with atomic(check_output(path, (".png",))) as part:
        Image.fromarray(to_uint8(frame).numpy()).save(part)


def write_pictures(folder: str | Path, frames: Iterable[Tensor]) -> int:
    """Frames [h w 3] in 0..1 -> 00000.png, 00001.png ... in an existing folder. Returns how many."""
    count = 0
    for count, frame in enumerate(frames, start=1):
        write_picture(Path(folder) / f"{count - 1:05d}.png", frame)
    return count


def write_video(
    path: str | Path,
    frames: Iterable[Tensor],
    fps: float,
    audio: Audio | None = None,
    lossless: bool = False,
    crf: int = 12,
    part: Path | None = None,
) -> int:
    """Stream frames [h w 3] in 0..1, one at a time, into a video. Returns how many were written.

    H.264 yuv420p (BT.709) with the voice as AAC, cut or filled with silence to exactly the video's length.
    `lossless` gives 8-bit frames back bit for bit (H.264 RGB). Odd sides gain one repeated line otherwise.
    The file appears only when it is whole; until then it is `part`. Raises InputError for a path that cannot be
    written, an unknown suffix, no frames at all, NaN, or frames of different sizes.
    """
    path, rate = check_output(path), frame_rate(fps)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"There are no frames to write to {path}.")
    options = {} if path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    with atomic(path, part) as made, av.open(str(made), "w", options=options) as container:
        pictures = _PictureTrack(container, first.shape, rate, lossless, crf)
        voice = _VoiceTrack(container, audio, rate) if audio is not None else None
        for frame in chain([first], frames):
            pictures.write(frame)
            if voice is not None:
                voice.write_until(pictures.count)
        pictures.flush()
        if voice is not None:
            voice.flush()
    return pictures.count


def even(frames: Tensor) -> Tensor:
    """[... h w c] with one line repeated where a side is odd, as H.264 needs; the same where none is."""
    height, width = frames.shape[-3:-1]
    if height % 2:
        frames = torch.cat([frames, frames[..., -1:, :, :]], dim=-3)
    if width % 2:
        frames = torch.cat([frames, frames[..., -1:, :]], dim=-2)
    return frames


def mono_or_stereo(audio: Audio) -> Audio:
    """More than two channels become their mean."""
    if audio.samples.shape[0] <= 2:
        return audio
    return Audio(audio.samples.mean(0, keepdim=True), audio.sample_rate)


class _PictureTrack:
    def __init__(self, container, shape: torch.Size, rate: Fraction, lossless: bool, crf: int):
        height, width = shape[:2]
        self.container, self.shape, self.lossless, self.count = container, shape, lossless, 0
        padding = (0, 0) if lossless else (height % 2, width % 2)
        codec, options = ("libx264rgb", {"qp": "0"}) if lossless else ("libx264", {"crf": str(crf)})
        self.stream = container.add_stream(codec, rate=rate, options=options)
        self.stream.width, self.stream.height = width + padding[1], height + padding[0]
        self.stream.pix_fmt = "rgb24" if lossless else "yuv420p"
        if not lossless:
            context = self.stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED_RANGE
        if any(padding):
            log.warning("%dx%d has an odd side: one line is repeated, H.264 needs even ones", width, height)

    def write(self, frame: Tensor) -> None:
        if frame.shape != self.shape:
            raise InputError(
                f"Frame {self.count} is {tuple(frame.shape)}, the first was {tuple(self.shape)}."
            )
        pixels = to_uint8(frame if self.lossless else even(frame)).cpu().numpy()
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        if not self.lossless:
            picture = picture.reformat(
                format="yuv420p",
                dst_colorspace=BT709,
                dst_color_range=LIMITED_RANGE,
                interpolation=EXACT_SCALER,
            )
        picture.pts, picture.time_base = self.count, 1 / self.stream.codec_context.framerate
        self.count += 1
        self.container.mux(self.stream.encode(picture))

    def flush(self) -> None:
        self.container.mux(self.stream.encode())


class _VoiceTrack:
    def __init__(self, container, audio: Audio, rate: Fraction):
        samples = mono_or_stereo(audio).samples
        self.sample_rate = audio.sample_rate if audio.sample_rate in AAC_RATES else AAC_RATES[-1]
        self.samples = soxr.resample(samples.T.numpy(), audio.sample_rate, self.sample_rate, quality="HQ").T
        self.container, self.rate, self.position = container, rate, 0
        self.layout = "mono" if len(self.samples) == 1 else "stereo"
        self.stream = container.add_stream("aac", rate=self.sample_rate, layout=self.layout)
        self.stream.bit_rate = AAC_BIT_RATE

    def write_until(self, frames: int) -> None:
        end = round(frames / self.rate * self.sample_rate)
        chunk = self.samples[:, self.position : end]
        chunk = np.pad(chunk, [(0, 0), (0, end - self.position - chunk.shape[1])])
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=self.layout)
        sound.sample_rate, sound.pts = self.sample_rate, self.position
        sound.time_base = Fraction(1, self.sample_rate)
        self.position = end
        self.container.mux(self.stream.encode(sound))

    def flush(self) -> None:
        self.container.mux(self.stream.encode())
