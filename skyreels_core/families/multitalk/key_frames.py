"""The plan of a long video by key frames, as SkyReels-V3 A2V is published to make it: a short pass shows where the
video goes, then windows follow each other, each led from the end of the one before to a frame of that pass.

Source: https://github.com/SkyworkAI/SkyReels-V3, skyreels_v3/pipelines/talking_avatar_pipeline.py
"""

from __future__ import annotations

from dataclasses import dataclass

from ...timeline import latent_frames

WINDOW = 81  # frames of every pass
MOTION = 5  # frames that a window takes over from the one before
HELD = 5  # frames at a window's end in which its key frame is given
DROPPED = 12  # frames at a window's end that are made again by the next one
STRIDE = WINDOW - MOTION - DROPPED
WINDOW_LATENTS = latent_frames(WINDOW)


@dataclass(frozen=True)
class KeyWindow:
    start: int  # frame of the video that is its first
    key: int  # frame of the planning pass to which it is led
    last: bool

    @property
    def motion(self) -> int:
        """Frames given at its start: the portrait, or the end of the window before."""
        return MOTION if self.start else 1

    @property
    def kept(self) -> slice:
        """Those of its frames that no other window brings."""
        return slice(MOTION if self.start else 0, WINDOW if self.last else WINDOW - DROPPED)

    @property
    def taken_over(self) -> slice:
        """Those of its frames with which the next window starts."""
        return slice(STRIDE, STRIDE + MOTION)


def plan_key_frames(frames: int) -> tuple[KeyWindow, ...]:
    """The windows of a video; none where the planning pass is already the whole.

    The planning pass stands for the whole video: a window that ends at a share of the video is led to the frame at
    the same share of the pass. The windows may make more than `frames` frames.
    """
    if frames <= WINDOW:
        return ()
    count = 1 - (WINDOW - frames) // STRIDE
    ends = [WINDOW - 1 + STRIDE * index for index in range(count)]
    return tuple(
        KeyWindow(STRIDE * index, round(end * (WINDOW - 1) / ends[-1]), index == count - 1)
        for index, end in enumerate(ends)
    )


def frames_made(plan: tuple[KeyWindow, ...]) -> int:
    return plan[-1].start + WINDOW
