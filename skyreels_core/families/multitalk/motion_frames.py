"""The plan of a long video by motion frames, as InfiniteTalk and SoulX-FlashTalk are published to make it: chunks
follow each other, and the first frames of each are the last ones of the chunk before.

Source: https://github.com/MeiGen-AI/InfiniteTalk, wan/multitalk.py, and
https://github.com/Soul-AILab/SoulX-FlashTalk, flash_talk/src/pipeline/flash_talk_pipeline.py
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InputError
from ...run.settings import Settings
from ...timeline import TEMPORAL, frames_of
from .presets import FLASHTALK

INFINITETALK_MOTION, FLASHTALK_MOTION = 9, 5  # frames


@dataclass(frozen=True)
class MotionFrames:
    """Frames of a chunk, and those of them that are given by the chunk before."""

    chunk: int = 81
    motion: int = INFINITETALK_MOTION

    def __post_init__(self) -> None:
        if self.motion % TEMPORAL != 1 or not 0 < self.motion < self.chunk:
            raise InputError(
                f"The motion frames are {self.motion} and a chunk has {self.chunk} frames. Give 1, 5, 9, 13 or another "
                "number of the form 4n + 1, below the chunk's."
            )

    @classmethod
    def of(cls, preset: Settings, motion: int = 0) -> MotionFrames:
        """Those that a preset was trained for; 0 motion frames are its own."""
        own = FLASHTALK_MOTION if preset == FLASHTALK else INFINITETALK_MOTION
        return cls(frames_of(preset.window), motion or own)

    @property
    def stride(self) -> int:
        return self.chunk - self.motion

    def plan(self, frames: int) -> tuple[MotionChunk, ...]:
        """The chunks of a video; one that holds all of it is alone. They may make more than `frames` frames."""
        further = max(0, -(-(frames - self.chunk) // self.stride))
        return tuple(
            MotionChunk(self.stride * index, self.motion if index else 0, self.chunk)
            for index in range(1 + further)
        )


@dataclass(frozen=True)
class MotionChunk:
    start: int  # frame of the video that is its first
    motion: int  # frames given by the chunk before; none in the first chunk, which starts with the portrait
    frames: int

    @property
    def kept(self) -> slice:
        """Those of its frames that no other chunk brings."""
        return slice(self.motion, self.frames)

    @property
    def end(self) -> int:
        return self.start + self.frames
