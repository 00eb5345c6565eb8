"""What IMAGE and VIDEO sockets carry, frame by frame."""

from __future__ import annotations

import comfy.model_management
from comfy_api.latest import InputImpl
from comfy_execution.graph_utils import ExecutionBlocker
from torch import Tensor

from ...skyreels_core.errors import InputError
from ...skyreels_core.video.footage import Frames, Held, open_video
from ...skyreels_core.video.reading import Video
from ..tensors import to_frames

TRIMMED = 1e-3  # seconds between a file's length and a VIDEO's, from which it is a part of it
RATES_APART = 0.01  # frames per second, from which two rates are not the same


def footage_of(value) -> Frames:
    """A VIDEO, which knows its own rate: from a whole file it is read as it goes. An IMAGE is in memory."""
    if isinstance(value, Tensor):
        return Held(to_frames(value))
    if isinstance(value, InputImpl.VideoFromFile) and _is_whole(value):
        return open_video(value.get_stream_source(), callback=_ask_to_go_on)
    components = value.get_components()
    return Video(to_frames(components.images), float(components.frame_rate), None)


def _is_whole(video: InputImpl.VideoFromFile) -> bool:
    named = isinstance(video.get_stream_source(), str)
    return named and video._get_raw_duration() - video.get_duration() < TRIMMED


def _ask_to_go_on(frame: int) -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def check_rate(video: Frames, fps: float) -> None:
    """Raises InputError for a VIDEO whose own rate is not that of the voice."""
    rate = getattr(video, "fps", fps)
    if abs(rate - fps) > RATES_APART:
        raise InputError(
            f"The video has {rate:g} frames a second, the voice was given {fps:g}. Give the video's to all nodes."
        )


def withheld(sentence: str) -> ExecutionBlocker:
    """In the place of an output: a node that is wired to it says the sentence."""
    return ExecutionBlocker(sentence)
