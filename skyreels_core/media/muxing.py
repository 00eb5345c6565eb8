"""The two tracks of a video file: pictures that come one by one, and the voice beside them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
import soxr
import torch
from av.container import OutputContainer
from torch import Tensor

from ..errors import InputError
from .channels import to_mono_or_stereo
from .encoding import Encoder
from .scaling import LEFT, scaled
from .sound import Audio

log = logging.getLogger(__name__)

KEPT_RATES = {"aac": (44100, 48000), "libopus": (48000,)}  # samples a second; other voices go to the last
VOICE_BIT_RATE = 192_000
PIECE = 65536  # samples that are resampled at once
BT709, LIMITED_RANGE = 1, 1  # as numbered by FFmpeg
QUIET_SVT = "SVT_LOG", "1"  # an environment variable: the AV1 encoder talks to stderr otherwise
# frames; of fewer, which are decoded in the order they are shown, x265 leaves the decoding times unset
X265_TIMED = 3
APPLE_HEVC = "hvc1"  # the tag by which Apple's players know H.265


def to_uint8(frames: Tensor) -> Tensor:
    """Float 0..1 -> uint8 by rounding to nearest: the only place where frames become 8-bit."""
    if not torch.isfinite(frames).all():
        raise InputError(
            "The frames hold NaN or infinite values and would come out black. Check the model's precision."
        )
    return frames.clamp(0, 1).mul(255).round().to(torch.uint8)


def even(frames: Tensor) -> Tensor:
    """[... h w c] with one line repeated where a side is odd, as 4:2:0 needs; the same where none is."""
    height, width = frames.shape[-3:-1]
    if height % 2:
        frames = torch.cat([frames, frames[..., -1:, :, :]], dim=-3)
    if width % 2:
        frames = torch.cat([frames, frames[..., -1:, :]], dim=-2)
    return frames


def mono_or_stereo(audio: Audio) -> Audio:
    """The user's own sound; more than two channels become stereo, or mono where only one holds sound."""
    samples = to_mono_or_stereo(audio.samples, audio.layout)
    return audio if samples is audio.samples else Audio(samples, audio.sample_rate, name=audio.name)


class PictureTrack:
    def __init__(self, container: OutputContainer, shape: torch.Size, rate: Fraction, encoder: Encoder):
        self.container, self.shape, self.encoder, self.count = container, shape, encoder, 0
        height, width = shape[:2]
        padding = (0, 0) if encoder.is_rgb else (height % 2, width % 2)
        os.environ.setdefault(*QUIET_SVT)
        width, height = width + padding[1], height + padding[0]
        options = encoder.options_for(width, height) | (
            {} if encoder.is_rgb else {"chroma_sample_location": LEFT}
        )
        self.stream = cast(av.VideoStream, container.add_stream(encoder.name, rate=rate, options=options))
        self.stream.width, self.stream.height = width, height
        self.stream.pix_fmt = encoder.pixels
        context = self.stream.codec_context
        if encoder.name == "libx265" and container.format.name != "matroska":
            context.codec_tag = APPLE_HEVC
        if not encoder.is_rgb:
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED_RANGE
        if any(padding):
            log.warning(
                "%dx%d has an odd side: one line is repeated, because 4:2:0 needs even sides",
                shape[1],
                shape[0],
            )

    def write(self, frame: Tensor) -> None:
        if frame.shape != self.shape:
            raise InputError(
                f"Frame {self.count} is {tuple(frame.shape)}, the first was {tuple(self.shape)}."
            )
        picture = self._converted(frame)
        picture.pts, picture.time_base = self.count, 1 / self.stream.codec_context.framerate
        self.count += 1
        self.container.mux(self.stream.encode(picture))

    def _converted(self, frame: Tensor) -> av.VideoFrame:
        pixels = to_uint8(frame if self.encoder.is_rgb else even(frame)).cpu().numpy()
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        if self.encoder.is_rgb:
            return picture.reformat(format=self.encoder.pixels)
        coded = {"out_color_matrix": "bt709", "out_range": "tv", "out_chroma_loc": LEFT}
        return scaled(picture, picture.width, picture.height, self.encoder.pixels, **coded)

    def flush(self) -> None:
        packets = self.stream.encode()
        if self.encoder.name == "libx265" and self.count < X265_TIMED:
            for packet in packets:
                packet.dts = packet.pts
        self.container.mux(packets)


class VoiceTrack:
    def __init__(self, container: OutputContainer, audio: Audio, rate: Fraction):
        codec = "libopus" if container.format.name == "webm" else "aac"
        rates = KEPT_RATES[codec]
        self.sample_rate = audio.sample_rate if audio.sample_rate in rates else rates[-1]
        self.pieces = resampled(audio, self.sample_rate)
        self.waiting = next(self.pieces)  # [c n]
        self.layout = "mono" if len(self.waiting) == 1 else "stereo"
        self.container, self.rate, self.position = container, rate, 0
        self.stream = container.add_stream(codec, rate=self.sample_rate, layout=self.layout)
        self.stream.bit_rate = VOICE_BIT_RATE

    def write_until(self, frames: int) -> None:
        """The sound that belongs to the first `frames`, silence where the voice has ended."""
        end = round(frames / self.rate * self.sample_rate)
        chunk = np.ascontiguousarray(self._take(end - self.position))
        sound = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=self.layout)
        sound.sample_rate, sound.pts = self.sample_rate, self.position
        sound.time_base = Fraction(1, self.sample_rate)
        self.position = end
        self.container.mux(self.stream.encode(sound))

    def _take(self, count: int) -> np.ndarray:
        while self.waiting.shape[1] < count:
            silence = np.zeros((len(self.waiting), count), np.float32)
            self.waiting = np.concatenate([self.waiting, next(self.pieces, silence)], axis=1)
        taken, self.waiting = np.split(self.waiting, [count], axis=1)
        return taken

    def flush(self) -> None:
        self.container.mux(self.stream.encode())


def resampled(audio: Audio, sample_rate: int) -> Iterator[np.ndarray]:
    """The voice in pieces [c n] of one or two channels; joined, they are what resampling the whole gives."""
    whole = mono_or_stereo(audio).samples
    stream = soxr.ResampleStream(audio.sample_rate, sample_rate, len(whole), dtype="float32", quality="HQ")
    pieces = whole.split(PIECE, dim=1)
    for index, piece in enumerate(pieces, start=1):
        samples = piece.numpy()
        if sample_rate != audio.sample_rate:
            samples = np.ascontiguousarray(samples.T)
            samples = stream.resample_chunk(samples, last=index == len(pieces)).T
        yield samples
