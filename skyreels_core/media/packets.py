"""A stream of sound packet by packet: what each holds as floats, and which of them are damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from av.codec.context import Flags2
from av.container import InputContainer
from av.error import FFmpegError

from .container import demuxed

SHARE_DAMAGED = 0.1  # of all packets; more is no recording with a blemish
FEW_DAMAGED = 3  # packets that are left out of the shortest recording as well
PCM = re.compile(r"pcm_[suf](\d+)")
PLANES = 8  # that a frame has room for without an array of its own


@dataclass(frozen=True, eq=False)
class Piece:
    """What was decoded at once."""

    samples: np.ndarray  # float32 [c n]
    rate: int  # Hz
    layout: str  # FFmpeg's name, such as "5.1(side)"
    time: float | None  # seconds at which the file places its first sample

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate


@dataclass
class Decoded:
    pieces: list[Piece] = field(default_factory=list)
    packets: int = 0
    damaged: list[float] = field(default_factory=list)  # seconds of sound before each that cannot be decoded

    @property
    def is_broken(self) -> bool:
        few = min(FEW_DAMAGED, len(self.pieces) - 1)
        return len(self.damaged) > max(few, SHARE_DAMAGED * self.packets)


def decode(container: InputContainer, stream: av.AudioStream) -> Decoded:
    """Raises av.FFmpegError where nothing of the stream can be decoded, ValueError for a codec that is not there."""
    stream.codec_context.thread_type = "SLICE"  # frame threads log while the container is closed
    if container.format.name == "ogg" and stream.codec_context.name == "vorbis":
        stream.codec_context.flags2 |= Flags2.skip_manual  # FFmpeg takes half a block too much from the end
    if stream.codec_context.name == "flac":
        # else what is damaged becomes noise
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    decoded, seconds, failure = Decoded(), 0.0, None
    for given in demuxed(container, stream):
        if (packet := _whole(given, stream.codec_context)) is None:
            continue
        decoded.packets += packet.size > 0
        try:
            frames = stream.codec_context.decode(packet)
        except FFmpegError as error:
            failure = failure or error
            decoded.damaged.append(seconds)
            continue
        for piece in _pieces(frames):
            decoded.pieces.append(piece)
            seconds += piece.seconds
    if failure is not None and not decoded.pieces:
        raise failure
    return decoded


def _whole(packet: av.Packet, context: av.AudioCodecContext) -> av.Packet | None:
    """PCM without the byte by which AIFF makes its length even; None where there is nothing else in the packet.

    Beside it, PyAV below 18 loses the last samples.
    """
    bits = PCM.match(context.name)
    excess = packet.size % (int(bits[1]) // 8 * context.channels) if bits and context.channels else 0
    if not excess:
        return packet
    if excess == packet.size:
        return None
    whole = av.Packet(bytes(packet)[:-excess])
    whole.pts, whole.dts, whole.time_base = packet.pts, packet.dts, packet.time_base
    return whole


def _pieces(frames: list[av.AudioFrame]) -> Iterator[Piece]:
    for frame in frames:
        skipped = frame.side_data.get("SKIP_SAMPLES")  # left to us of Vorbis only
        start = int.from_bytes(bytes(skipped)[:4], "little") if skipped is not None else 0
        if frame.samples > start and frame.sample_rate > 0:
            yield Piece(
                _floats(_readable(frame))[:, start:], frame.sample_rate, frame.layout.name, frame.time
            )


def _readable(frame: av.AudioFrame) -> av.AudioFrame:
    """PyAV reads beyond the planes of a frame of eight and more."""
    if frame.format.is_planar and frame.layout.nb_channels >= PLANES:
        return av.AudioResampler(format="flt").resample(frame)[0]
    return frame


def _floats(frame: av.AudioFrame) -> np.ndarray:
    """float32 [c n] with full scale at -1..1, every whole number exact that a float can hold."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    scale = np.float32(2.0 ** (1 - 8 * values.dtype.itemsize))
    floats = values.astype(np.float32)
    return (floats - 128 if values.dtype == np.uint8 else floats) * scale
