"""One frame through swscale: size, pixel format, matrix, range, and where between the pixels the chroma lies."""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter

EXACT = "bicubic+full_chroma_int+accurate_rnd"
UNTAGGED = "colorspace=unknown:color_primaries=unknown:color_trc=unknown"  # swscale refuses those that it cannot name
ANY_CLOCK = Fraction(1, 1000)  # a single frame needs none
LEFT, CENTRE, TOP_LEFT = "left", "center", "topleft"  # FFmpeg's names of where the chroma of 4:2:0 lies


def scaled(frame: av.VideoFrame, width: int, height: int, pixels: str, **options: str) -> av.VideoFrame:
    """`options` are those of FFmpeg's filter `scale`. Raises av.FFmpegError for what swscale cannot convert."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=ANY_CLOCK
    )
    scale = graph.add("scale", w=str(width), h=str(height), flags=EXACT, **options)
    plain = graph.add("setparams", UNTAGGED)
    nodes = source, plain, scale, graph.add("format", pixels), graph.add("buffersink")
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    made = graph.pull()
    assert isinstance(made, av.VideoFrame)
    return made
