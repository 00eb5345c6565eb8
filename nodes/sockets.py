"""Socket types of our own, and where the nodes stand in the menu."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..skyreels_core.errors import InputError
from ..skyreels_core.media.channels import layout_of
from ..skyreels_core.media.sound import Audio

Windows = io.Custom("SKYREELS_WINDOWS")  # skyreels_core.windows.WindowSettings
Guidance = io.Custom("SKYREELS_GUIDANCE")  # skyreels_core.sampling.guidance.GuidanceSettings
TeaCache = io.Custom("SKYREELS_TEACACHE")  # skyreels_core.sampling.cache.CacheSettings
DWPose = io.Custom("SKYREELS_DWPOSE")  # skyreels_core.conditioning.dwpose.DWPose
FaceDetector = io.Custom("SKYREELS_FACE_DETECTOR")  # skyreels_core.conditioning.yunet.YuNet
HostDetector = io.Custom("FACE_DETECTION_MODEL")  # ComfyUI's own, since 0.33
FaceLandmarks = io.Custom("FACE_LANDMARKS")  # what that finds
Region = io.Custom("SKYREELS_REGION")  # skyreels_core.media.region.Region
Speakers = io.Custom("SKYREELS_SPEAKERS")  # a tuple of Speaker of nodes.families.multitalk
PoseKeypoint = io.Custom("POSE_KEYPOINT")  # as other packs emit it

LOADERS = "SkyReels-Audio/loaders"
AUDIO = "SkyReels-Audio/audio"
MASKS = "SkyReels-Audio/masks"
CONDITIONING = "SkyReels-Audio/conditioning"
GUIDANCE = "SkyReels-Audio/guidance"
SAMPLING = "SkyReels-Audio/sampling"
VIDEO = "SkyReels-Audio/video"


def to_audio(value: dict[str, Any] | None) -> Audio:
    """An AUDIO socket's value, the first of its batch. Raises InputError for that of a video without sound, or of a
    Face Crop without audio."""
    if value is None or not value["waveform"].numel():
        raise InputError(
            "There is no sound in this audio. Give a recording, or a video with sound; after Face Crop, connect the "
            "voice of the whole video to the audio of that node."
        )
    samples = value["waveform"][0].float().cpu()
    return Audio(samples, value["sample_rate"], layout_of("", len(samples)))


def from_audio(audio: Audio) -> dict[str, Any]:
    return {"waveform": audio.samples[None], "sample_rate": audio.sample_rate}
