"""SkyReels-Audio as a ComfyUI node pack; the host finds everything through `comfy_entrypoint`."""

from __future__ import annotations

WEB_DIRECTORY = "./nodes/web"


async def comfy_entrypoint():
    from .nodes import SkyReelsAudio  # here, because only a host has what nodes are made of

    return SkyReelsAudio()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
