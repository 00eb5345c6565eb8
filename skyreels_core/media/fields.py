"""Interlaced frames made progressive."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import av
import av.filter
from av import error

from .scaling import ANY_CLOCK


def progressive(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """One frame for each, at its own time; progressive ones as they are."""
    deinterlacer = None
    for frame in frames:
        if deinterlacer is not None and not deinterlacer.takes(frame):
            yield from deinterlacer.rest()
            deinterlacer = None
        if deinterlacer is None and frame.interlaced_frame:
            deinterlacer = Deinterlacer(frame)
        if deinterlacer is None:
            yield frame
        else:
            yield from deinterlacer(frame)
    if deinterlacer is not None:
        yield from deinterlacer.rest()


class Deinterlacer:
    """Frames of one size and format; it lags by one frame, whose neighbours it looks at."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self.kind = frame.width, frame.height, frame.format.name
        self.waiting: deque[av.VideoFrame] = deque()
        self.graph = av.filter.Graph()
        source = self.graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=ANY_CLOCK
        )
        filter = self.graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced")
        self.graph.link_nodes(source, filter, self.graph.add("buffersink")).configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        return (frame.width, frame.height, frame.format.name) == self.kind

    def __call__(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self.waiting.append(frame)
        self.graph.push(frame)
        yield from self._made()

    def rest(self) -> Iterator[av.VideoFrame]:
        self.graph.push(None)
        yield from self._made()

    def _made(self) -> Iterator[av.VideoFrame]:
        while self.waiting:
            try:
                made = self.graph.pull()
            except (error.BlockingIOError, error.EOFError):
                return
            assert isinstance(made, av.VideoFrame)
            source = self.waiting.popleft()
            made.pts, made.dts, made.duration = source.pts, source.dts, source.duration
            made.time_base, made.opaque = source.time_base, source.opaque
            yield made
