"""What IMAGE and VIDEO sockets carry, frame by frame."""

from __future__ import annotations

from comfy_api.latest import InputImpl
from torch import Tensor

from ...skyreels_core.video.footage import Frames, Held, open_video
from ..tensors import to_frames

TRIMMED = 1e-3  # seconds between a file's length and a VIDEO's, from which it is a part of it


def footage_of(value) -> Frames:
    """A VIDEO that is a whole file is read from it as it goes; anything else is in memory."""
    if isinstance(value, Tensor):
        return Held(to_frames(value))
    if isinstance(value, InputImpl.VideoFromFile) and _is_whole(value):
        return open_video(value.get_stream_source())
    return Held(to_frames(value.get_components().images))


def _is_whole(video: InputImpl.VideoFromFile) -> bool:
    named = isinstance(video.get_stream_source(), str)
    return named and video._get_raw_duration() - video.get_duration() < TRIMMED
