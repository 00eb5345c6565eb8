"""What a video stream states about its frames and PyAV does not hand on with each of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.error import FFmpegError

from .orientation import UPRIGHT, Orientation, orientation
from .scaling import CENTRE, LEFT, TOP_LEFT

UNSPECIFIED = 2  # of matrix, primaries and transfer (ITU-T H.273)
DOLBY_TAGS = ("dvh1", "dvhe", "dvav", "dva1", "dav1")  # of codecs whose colours Dolby Vision may define
SITINGS = {
    (1, 1): TOP_LEFT,
    (1, 2): LEFT,
    (2, 2): CENTRE,
    (2, 1): "top",
    (1, 3): "bottomleft",
    (2, 3): "bottom",
}
# Matroska's elements of where chroma lies, one byte each
HORIZONTAL = b"\x55\xb7\x81"
VERTICAL = b"\x55\xb8\x81"


@dataclass(frozen=True)
class Stated:
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    siting: str = LEFT  # where the chroma of 4:2:0 lies
    # width of a pixel over its height; None: whatever fills the size asked for
    aspect: Fraction | None = None
    swaps_sides: bool = False  # how the first frame is shown
    orientation: Orientation = UPRIGHT  # how this one is
    interlaced: bool = False
    dolby: bool = False  # in colours that only a decoder of Dolby Vision knows


def stated(frame: av.VideoFrame) -> Stated:
    if isinstance(frame.opaque, Stated):
        return frame.opaque
    return Stated(*_colour(frame, None), orientation=orientation(frame))


def labelled(stream: av.VideoStream, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The same frames, each with its `Stated`."""
    siting, size, aspect, swaps = LEFT, None, Fraction(1), False
    for frame in frames:
        shown = orientation(frame, stream.codec_context.name)
        if size is None:
            siting, size = chroma_siting(stream), (frame.width, frame.height)
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            swaps = shown.swaps_sides
        own = (frame.width, frame.height) == size
        wide = aspect if own else Fraction(stream.codec_context.sample_aspect_ratio or 1)
        colour = _colour(frame, stream.codec_context)
        dolby = _is_dolby(frame, stream, colour[1])
        frame.opaque = Stated(*colour, siting, wide, swaps, shown, frame.interlaced_frame, dolby)
        yield frame


def chroma_siting(stream: av.VideoStream) -> str:
    """Left where nothing is stated. PyAV does not say: a Matroska header made of the stream's parameters does."""
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as container:
            container.add_stream_from_template(stream)
            container.start_encoding()
    except (FFmpegError, ValueError):  # a codec that Matroska does not hold
        return LEFT
    places = _byte_after(header.getvalue(), HORIZONTAL), _byte_after(header.getvalue(), VERTICAL)
    return SITINGS.get(places, LEFT)


def _byte_after(header: bytes, element: bytes) -> int:
    place = header.find(element)
    return header[place + len(element)] if place >= 0 else 0


def _colour(frame: av.VideoFrame, codec: av.VideoCodecContext | None) -> tuple[int, int]:
    """Primaries and transfer; PyAV 16 knows the stream's alone."""
    source = frame if hasattr(frame, "color_trc") else codec
    return (UNSPECIFIED, UNSPECIFIED) if source is None else (source.color_primaries, source.color_trc)


def _is_dolby(frame: av.VideoFrame, stream: av.VideoStream, transfer: int) -> bool:
    """Profile 5, IPT with PQ: nothing else is stated about its colours."""
    return transfer == UNSPECIFIED and stream.codec_context.codec_tag in DOLBY_TAGS
