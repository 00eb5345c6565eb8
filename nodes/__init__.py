"""The nodes: one file for each step of a graph, and those of each family of models; thin over `skyreels_core`."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import (
    audio,
    conditioning,
    crop,
    evaluating,
    guidance,
    loaders,
    masks,
    presets,
    prompts,
    sampling,
    saving,
    video,
)
from .families import family_nodes
from .host.folders import register_folders
from .host.routes import register_routes

STEPS = (
    loaders,
    presets,
    audio,
    masks,
    crop,
    prompts,
    conditioning,
    guidance,
    sampling,
    video,
    saving,
    evaluating,
)


class SkyReelsAudio(ComfyExtension):
    async def on_load(self) -> None:
        register_folders()
        register_routes()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for step in STEPS for node in step.NODES] + family_nodes()
