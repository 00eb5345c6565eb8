"""Socket types of our own, and where the nodes stand in the menu."""

from __future__ import annotations

from comfy_api.latest import io

Windows = io.Custom("SKYREELS_WINDOWS")  # skyreels_core.sampling.fusion.WindowSettings
Guidance = io.Custom("SKYREELS_GUIDANCE")  # skyreels_core.sampling.guidance.GuidanceSettings
TeaCache = io.Custom("SKYREELS_TEACACHE")  # threshold: float, or None for none
DWPose = io.Custom("SKYREELS_DWPOSE")  # skyreels_core.conditioning.dwpose.DWPose
PoseKeypoint = io.Custom("POSE_KEYPOINT")  # as other packs emit it

LOADERS = "SkyReels-Audio/loaders"
AUDIO = "SkyReels-Audio/audio"
MASKS = "SkyReels-Audio/masks"
CONDITIONING = "SkyReels-Audio/conditioning"
GUIDANCE = "SkyReels-Audio/guidance"
SAMPLING = "SkyReels-Audio/sampling"
VIDEO = "SkyReels-Audio/video"
