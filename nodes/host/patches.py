"""Audio layers as patches on the host's native Wan model.

The host's blocks call `attn2_patch` patches after their cross-attention, which is where audio layers belong; the model
itself stays the host's, so that LoRA, fp8, GGUF and offloading work as ever.
"""

from __future__ import annotations

from typing import TypeVar

import comfy.ldm.wan.model

from ...skyreels_core.model.config import PICTURE_CHANNELS
from ...skyreels_core.run.settings import Settings


class AudioPatch:
    """Audio layers of any family; a model has one set of them."""

    preset: Settings  # what these weights recommend
    # What their results depend on beside the weights, for the identity of a run
    traits: tuple[str, ...] = ()


Patch = TypeVar("Patch", bound=AudioPatch)


def find_patch(model, kind: type[Patch] = AudioPatch) -> Patch | None:
    """The audio layers that a MODEL has, of one family or of any."""
    patches = model.model_options["transformer_options"].get("patches", {}).get("attn2_patch", [])
    return next((patch for patch in patches if isinstance(patch, kind)), None)


def is_backbone(model) -> bool:
    """Whether a MODEL is the host's plain Wan 2.1, which SkyReels-V2 is too."""
    return type(model.model.diffusion_model) is comfy.ldm.wan.model.WanModel


def takes_picture(model) -> bool:
    return model.model.model_config.unet_config["in_dim"] == PICTURE_CHANNELS
