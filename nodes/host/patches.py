"""Audio layers as patches on the host's native Wan model.

The host's blocks call `attn2_patch` patches after their cross-attention, which is where audio layers belong; the model
itself stays the host's, so that LoRA, fp8, GGUF and offloading work as ever.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any, TypeVar

import comfy.ldm.wan.model
import comfy.patcher_extension
import torch
from torch import Tensor

from ...skyreels_core.model.config import PICTURE_CHANNELS
from ...skyreels_core.run.settings import Settings
from .compiling import distinguished_as, uncompiled_itself
from .unsupported_samplers import reject_other_guiders

ON_MATCH_CLONES = "on_match_multigpu_clones"  # as CallbacksMP names it, where a host knows several devices
DEVICE = "multigpu_thread_device"  # in transformer_options: where a forward of one of the host's clones runs


class AudioPatch:
    """Audio layers of any family; a model has one set of them."""

    preset: Settings  # what these weights recommend
    # What their results depend on beside the weights, for the identity of a run
    traits: tuple[str, ...] = ()

    def placed(self, model) -> AudioPatch:
        """The same layers for a clone of their model on another device; layers without weights serve all of them."""
        return self

    @cached_property
    def elsewhere(self) -> dict[torch.device, AudioPatch]:
        """The same layers on the devices of the model's clones."""
        return {}

    def here(self, options: dict[str, Any]) -> Any:
        """The layers on the device that a forward runs on, by its `transformer_options`."""
        return self.elsewhere.get(options.get(DEVICE), self)

    @uncompiled_itself
    def with_audio(
        self,
        executor,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        clip_fea: Tensor | None = None,
        time_dim_concat: Tensor | None = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs,
    ) -> Tensor:
        """Around one forward of the network: what the conditioning brought reaches the blocks."""
        options = transformer_options or {}
        options = {**options, **self.here(options).brought(kwargs, x.shape[2])}
        return executor(x, timestep, context, clip_fea, time_dim_concat, options, **kwargs)

    def brought(self, entries: dict[str, Any], latent_frames: int) -> dict[str, Any]:
        """Take what `audio_conds` made out of the entries of a forward, and say what the blocks find in their
        `transformer_options`. It is `uncompiled`, as the blocks' patches are."""
        raise NotImplementedError


Patch = TypeVar("Patch", bound=AudioPatch)


def patched(model, layers: AudioPatch, key: str):
    """A clone of the MODEL with a family's layers on it; `key` is the family's."""
    model, wrappers = model.clone(), comfy.patcher_extension.WrappersMP
    model.set_model_patch(layers, "attn2_patch")
    model.add_wrapper_with_key(wrappers.APPLY_MODEL, f"{key}_compiling", distinguished_as(key))
    model.add_wrapper_with_key(wrappers.DIFFUSION_MODEL, key, layers.with_audio)
    model.add_wrapper_with_key(wrappers.OUTER_SAMPLE, key, partial(reject_other_guiders, key))
    model.add_callback_with_key(ON_MATCH_CLONES, key, place_layers)
    return model


def place_layers(model, clone) -> None:
    """The host prepares a clone of the MODEL for another device: its layers are loaded there."""
    patches = clone.model_options["transformer_options"]["patches"]["attn2_patch"]
    for index, patch in enumerate(patches):
        if isinstance(patch, AudioPatch):
            if clone.load_device not in patch.elsewhere:
                patch.elsewhere[clone.load_device] = patch.placed(clone)
            patches[index] = patch.elsewhere[clone.load_device]


def find_patch(model, kind: type[Patch] = AudioPatch) -> Patch | None:
    """The audio layers that a MODEL has, of one family or of any."""
    patches = model.model_options["transformer_options"].get("patches", {}).get("attn2_patch", [])
    return next((patch for patch in patches if isinstance(patch, kind)), None)


def is_backbone(model) -> bool:
    """Whether a MODEL is the host's plain Wan 2.1, which SkyReels-V2 is too."""
    return type(model.model.diffusion_model) is comfy.ldm.wan.model.WanModel


def takes_picture(model) -> bool:
    return model.model.model_config.unet_config["in_dim"] == PICTURE_CHANNELS
