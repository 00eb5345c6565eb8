"""A face crop as the VIDEO of a graph: cut out of its video frame by frame, when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from comfy_api.latest import Input, InputImpl, Types

from ...skyreels_core.media.cropping import CroppedFrames
from ...skyreels_core.media.footage import collect

OWN_SPAN = (
    "Connect the voice of the whole video to the audio of Face Crop, and that node's audio to Audio To Tokens: else "
    "every shot speaks the beginning."
)


@dataclass(frozen=True, eq=False)
class CropVideo(Input.Video):
    """For other nodes it is the VIDEO of its frames, which are then held in memory."""

    frames: CroppedFrames

    def get_components(self) -> Types.VideoComponents:
        return Types.VideoComponents(
            images=collect(self.frames), audio=None, frame_rate=Fraction(self.frames.fps)
        )

    def save_to(self, *arguments, **options) -> None:
        InputImpl.VideoFromComponents(self.get_components()).save_to(*arguments, **options)

    def as_trimmed(self, start_time=None, duration=None, strict_duration=False):
        """A part that is in memory: it is no face crop any more."""
        fps, whole = self.frames.fps, collect(self.frames)
        first = min(round((start_time or 0) * fps), len(whole) - 1)
        images = whole[first : first + round(duration * fps) if duration else None]
        if strict_duration and duration and len(images) < round(duration * fps):
            return None
        part = Types.VideoComponents(images=images, audio=None, frame_rate=Fraction(fps))
        return InputImpl.VideoFromComponents(part)

    def get_dimensions(self) -> tuple[int, int]:
        return self.frames.size

    def get_frame_count(self) -> int:
        return len(self.frames)

    def get_duration(self) -> float:
        return len(self.frames) / self.frames.fps
