"""The nodes: one file for each step of a graph, thin over `skyreels_core`."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import (
    audio,
    conditioning,
    guidance,
    humo,
    key_frames,
    loaders,
    masks,
    multitalk,
    prompts,
    sampling,
    saving,
    video,
)
from .host.folders import register_folders

STEPS = (
    loaders, audio, masks, prompts, conditioning, humo, multitalk, guidance, sampling, key_frames, video,
    saving,
)  # fmt: skip


class SkyReelsAudio(ComfyExtension):
    async def on_load(self) -> None:
        register_folders()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for step in STEPS for node in step.NODES]
