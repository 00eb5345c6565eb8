"""The audio layers of SkyReels-Audio as a patch on the host's native Wan model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import comfy.conds
import comfy.model_patcher
import comfy.ops
from torch import Tensor

from ....skyreels_core.errors import InputError
from ....skyreels_core.model.adapter import AudioAdapter, AudioContext
from ....skyreels_core.model.config import AudioConfig
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.timeline import TokenSpan, query_positions
from ...host.compiling import uncompiled
from ...host.patches import AudioPatch, find_patch, is_backbone, patched
from ...host.unsupported_samplers import KEY

Read = Callable[[], Mapping[str, Tensor]]
TOKENS, CLOCK = f"{KEY}_tokens", f"{KEY}_clock"


class AudioLayers(AudioPatch):
    """One set of audio layers, its weights managed by the host beside those of the model."""

    def __init__(
        self, state: Mapping[str, Tensor], config: AudioConfig, preset: Settings, model, again: Read | None = None
    ) -> None:  # fmt: skip
        """`again` reads `state` once more, for another device; None: the host moves the weights there as needed."""
        self.config, self.preset, self.again = config, preset, again
        dtype = state["audio_proj.fc1.weight"].dtype
        self.adapter = AudioAdapter(config, comfy.ops.manual_cast, dtype=dtype, device=model.offload_device)
        self.patcher = comfy.model_patcher.CoreModelPatcher(
            self.adapter, load_device=model.load_device, offload_device=model.offload_device
        )
        self.adapter.load_state_dict(state, assign=self.patcher.is_dynamic())
        self.adapter.eval().requires_grad_(False)

    def placed(self, model) -> AudioLayers:
        if self.again is None:
            return self
        return AudioLayers(self.again(), self.config, self.preset, model, self.again)

    def models(self) -> list:
        return [self.patcher]

    @uncompiled
    def __call__(self, arguments: dict[str, Any]) -> Tensor:
        x, options = arguments["x"], arguments["transformer_options"]
        heard = options.get(KEY)
        return x if heard is None else self.here(options).adapter.apply(options["block_index"], x, heard)

    @uncompiled
    def brought(self, entries: dict[str, Any], latent_frames: int) -> dict[str, Any]:
        tokens, clock = entries.pop(TOKENS, None), entries.pop(CLOCK, None)
        return {KEY: None if tokens is None else self.audio_context_for(tokens, *clock, latent_frames)}

    def audio_context_for(
        self, tokens: Tensor, span: TokenSpan, fps: float, latent_frames: int
    ) -> AudioContext:
        return self.adapter.prepare(tokens, span.key_positions(), query_positions(latent_frames, fps))


def audio_conds(tokens: Tensor, span: TokenSpan, fps: float) -> dict[str, comfy.conds.CONDRegular]:
    """Entries of a condition's `model_conds` with which a branch is conditioned on the tokens [n width] of one window.

    Positions travel as numbers: the host casts tensors to the model's dtype, and bf16 would round them.
    """
    return {TOKENS: comfy.conds.CONDRegular(tokens[None]), CLOCK: comfy.conds.CONDConstant((span, fps))}


def add_audio_layers(model, layers: AudioLayers):
    """A clone of the MODEL with audio conditioning. Raises InputError for a model that cannot carry these layers."""
    if not is_backbone(model):
        raise InputError(
            f"The model is of type {type(model.model).__name__}. Audio layers go on a Wan 2.1 or SkyReels-V2 video "
            "model: load one with Load Diffusion Model."
        )
    if find_patch(model) is not None:
        raise InputError("This model has audio layers already. Give a plain Wan 2.1 or SkyReels-V2 model.")
    sizes = model.model.model_config.unet_config
    if (layers.config.dim, layers.config.num_layers) != (sizes["dim"], sizes["num_layers"]):
        raise InputError(
            f"These audio layers are for a backbone of width {layers.config.dim} with {layers.config.num_layers} "
            f"blocks; the model has width {sizes['dim']} and {sizes['num_layers']} blocks. Give the ones that "
            "were trained on it."
        )
    return patched(model, layers, KEY)


def find_audio_layers(model) -> AudioLayers | None:
    return find_patch(model, AudioLayers)
