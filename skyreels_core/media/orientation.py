"""How a stored frame is turned and mirrored to be shown."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import av
import numpy as np

FREED_TWICE = ("png", "apng")  # codecs whose profiles have a name, which PyAV frees and FFmpeg frees again


@dataclass(frozen=True)
class Orientation:
    turns: int = 0  # quarters, counter-clockwise
    mirrored: bool = False  # left and right exchanged, after it is turned

    @property
    def swaps_sides(self) -> bool:
        return self.turns % 2 == 1

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """[h w c] as stored -> as shown."""
        turned = np.rot90(pixels, self.turns)
        return turned[:, ::-1] if self.mirrored else turned


UPRIGHT = Orientation()


def orientation(frame: av.VideoFrame, codec: str = "") -> Orientation:
    """From the frame's display matrix, its angle rounded to quarters."""
    try:
        matrix = None if codec in FREED_TWICE else frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # beside the matrix lies what this PyAV has no name for
        matrix = None
    return Orientation(round(frame.rotation / 90) % 4) if matrix is None else oriented(bytes(matrix))


def oriented(matrix: bytes) -> Orientation:
    """From nine int32: x' = a x + c y, y' = b x + d y (ISO 14496-12, 6.2.2), y pointing down."""
    a, b, _, c, d = struct.unpack("=9i", matrix[:36])[:5]
    mirrored = a * d - b * c < 0
    if mirrored:
        a = -a
    if a == b == 0:
        return Orientation()
    return Orientation(round(-math.degrees(math.atan2(b, a)) / 90) % 4, mirrored)
