"""What IMAGE and VIDEO sockets carry, frame by frame."""

from __future__ import annotations

from dataclasses import replace

import comfy.model_management
from comfy_api.latest import InputImpl
from comfy_execution.graph_utils import ExecutionBlocker
from torch import Tensor

from ...skyreels_core.media.channels import layout_of
from ...skyreels_core.media.footage import Frames, InMemoryFrames, VideoFile, open_video
from ...skyreels_core.media.reading import Video
from ...skyreels_core.media.sound import Audio
from ..tensors import to_frames
from .crop_video import CropVideo

SAME_RATE = 0.001  # frames per second: 23.976 is 24000/1001


def footage_of(value) -> Frames:
    """A VIDEO, which knows its own rate: from a file it is read as it goes, whole or trimmed. An IMAGE is in memory."""
    if isinstance(value, Tensor):
        return InMemoryFrames(to_frames(value))
    if isinstance(value, CropVideo):
        return value.frames
    if isinstance(value, InputImpl.VideoFromFile) and isinstance(value.get_stream_source(), str):
        video = open_video(value.get_stream_source(), callback=ask_to_go_on)
        start, seconds = _trim(value, video.seconds)
        return video.part(start, seconds) if start or seconds else video
    components = value.get_components()
    return Video(to_frames(components.images), float(components.frame_rate), None)


def voice_of(value, video: Frames) -> Audio | None:
    """The sound of a VIDEO whose frames `footage_of` gave, as long as they are; None where it has none."""
    if isinstance(value, CropVideo):
        return None
    if not isinstance(video, VideoFile):
        sound = value.get_components().audio
        if sound is None or not sound["waveform"].numel():
            return None
        samples = sound["waveform"][0].float().cpu()
        return Audio(samples, sound["sample_rate"], layout_of("", len(samples)))
    if video.whole:
        return video.audio
    whole = open_video(video.path, callback=ask_to_go_on)
    if (sound := whole.audio) is None:
        return None
    first = round(_trim(value, whole.seconds)[0] * sound.sample_rate)
    return replace(sound, samples=sound.samples[:, first : first + round(video.seconds * sound.sample_rate)])


def _trim(video: InputImpl.VideoFromFile, length: float) -> tuple[float, float]:
    """Where a VIDEO begins in its file, and how long it is, seconds; 0 is the rest. Negative starts count from the
    end. ComfyUI says so since 0.21."""
    if hasattr(video, "get_active_trim_window"):
        return video.get_active_trim_window()
    start = video._VideoFromFile__start_time
    return max(start + length, 0.0) if start < 0 else start, video._VideoFromFile__duration


def ask_to_go_on(frame: int) -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def rate_of(video: Frames, fps: float) -> tuple[float, list[str]]:
    """Frames per second: a VIDEO's own, which other readers may count otherwise; else `fps`, that of the voice. And
    what is to be said about it."""
    own = getattr(video, "fps", fps)
    if abs(own - fps) <= SAME_RATE:
        return fps, []
    return own, [f"The video has {own:g} frames a second; the {fps:g} that were given are not used."]


def withheld(sentence: str) -> ExecutionBlocker:
    """Instead of an output: a node that is wired to it says the sentence."""
    return ExecutionBlocker(sentence)
