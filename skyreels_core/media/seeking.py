"""Where the decoding of a file may begin beside its first frame, for a part that is far from it.

Not every frame that a file calls a key frame is one from which all that follows is decoded alike. So what is decoded
from there is compared with what was decoded from the beginning, when the file was opened.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from av.container import InputContainer

from .stated import stated

ROWS = 8  # of so many, one is compared: no block of any codec is lower


@dataclass(frozen=True, eq=False)
class Entries:
    """Of a file that was decoded from its beginning on."""

    times: list[int]  # stamps of its frames in the stream's clock, ascending
    sums: list[int]  # of their pixels
    keys: list[int]  # frames at which decoding may begin, ascending

    def before(self, frame: int) -> int:
        """The last one not after a frame; 0 is the beginning of the file."""
        return self.keys[place - 1] if (place := bisect_right(self.keys, frame)) else 0

    def go_to(self, key: int, stream: av.VideoStream) -> None:
        assert isinstance(stream.container, InputContainer)  # `opened` made it
        stream.container.seek(self.times[key], stream=stream)

    def alike(self, key: int, frames: Iterator[av.VideoFrame]) -> Iterator[tuple[int, av.VideoFrame]]:
        """From a key frame on, the frames and their numbers, as long as they are those of the first time."""
        number = key
        for frame in frames:
            if number == key and frame.pts is not None and frame.pts < self.times[key]:
                continue
            if (
                number == len(self.times)
                or frame.pts != self.times[number]
                or sum_of(frame) != self.sums[number]
            ):
                return
            yield number, frame
            number += 1


@dataclass
class EntryLog:
    """Looks for them while a file is decoded."""

    times: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    kind: object = None  # of the first frame
    usable: bool = True

    def add(self, frame: av.VideoFrame) -> None:
        """Frames that change their kind midway, depend on their neighbours or have no stamp are read from the
        beginning."""
        about = stated(frame)
        kind = frame.width, frame.height, frame.format.name, about
        self.kind = self.kind or kind
        late = frame.pts is not None and (not self.times or frame.pts > self.times[-1])
        self.usable = self.usable and late and kind == self.kind and not about.interlaced
        if not self.usable:
            return
        if frame.key_frame and self.times:
            self.keys.append(len(self.times))
        self.times.append(frame.pts or 0)
        self.sums.append(sum_of(frame))

    def found(self) -> Entries | None:
        return Entries(self.times, self.sums, self.keys) if self.usable and self.keys else None


def sum_of(frame: av.VideoFrame) -> int:
    """Of some rows of each plane."""
    made = 1
    for number, plane in enumerate(frame.planes):
        parts = [(part.bits + 7) // 8 for part in frame.format.components if part.plane == number]
        rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.height * plane.line_size]  # pyright: ignore[reportArgumentType] PyAV's planes are buffers
        made = zlib.adler32(
            rows.reshape(plane.height, -1)[::ROWS, : plane.width * sum(parts)].tobytes(), made
        )
    return made
