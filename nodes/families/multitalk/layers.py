"""The audio layers of the MultiTalk family as a patch on the host's native Wan model, made of the host's own
modules with the sizes that the file has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comfy.conds
import comfy.ldm.wan.model_multitalk as native
import comfy.model_patcher
import comfy.ops
import comfy.patcher_extension
import comfy.utils
import torch
from torch import Tensor, nn

from ....skyreels_core.errors import InputError
from ....skyreels_core.families.multitalk.features import packed
from ....skyreels_core.families.multitalk.presets import check_name, pins_first_frames
from ....skyreels_core.model.multitalk import (
    LATER_WINDOW,
    WINDOW,
    MultiTalkConfig,
    MultiTalkFile,
    is_audio_name,
    read_multitalk,
)
from ....skyreels_core.run.settings import Settings
from ....skyreels_core.weights.header import Headers, ReadHeader, read_header
from ...host import payload as payloads
from ...host.compiling import uncompiled
from ...host.model import wan_model
from ...host.patches import AudioPatch, find_patch, is_backbone, patched, takes_picture
from ...host.payload import ConditioningPayload

KEY = "skyreels_multitalk"
EMBEDS, MASKS, MOTION, BRANCH = (f"{KEY}_{name}" for name in ("embeds", "masks", "motion", "branch"))
HOST_EMBEDS = "audio_embeds"  # where the host's patch finds them in transformer_options


class MultiTalkNetwork(nn.Module):
    """What ComfyUI's own loader builds, which takes no other sizes than those of the 14B model."""

    def __init__(self, config: MultiTalkConfig, **settings) -> None:
        super().__init__()
        self.audio_proj = native.MultiTalkAudioProjModel(
            seq_len=WINDOW, seq_len_vf=LATER_WINDOW, blocks=1, channels=config.features,
            intermediate_dim=config.intermediate_dim, out_dim=config.token_dim, context_tokens=config.context_tokens,
            **settings,
        )  # fmt: skip
        self.blocks = nn.ModuleList([MultiTalkBlock(config, **settings) for _ in range(config.num_layers)])


class MultiTalkBlock(nn.Module):
    def __init__(self, config: MultiTalkConfig, **settings) -> None:
        super().__init__()
        self.audio_cross_attn = native.SingleStreamMultiAttention(
            config.dim, config.token_dim, num_heads=config.num_heads, qkv_bias=True, **settings
        )
        self.norm_x = settings["operations"].LayerNorm(
            config.dim, elementwise_affine=True, device=settings["device"], dtype=settings["dtype"]
        )


class MultiTalkLayers(AudioPatch, native.MultiTalkCrossAttnPatch):
    """One set of audio layers, its weights managed by the host beside those of the model."""

    def __init__(
        self,
        state: Mapping[str, Tensor],
        config: MultiTalkConfig,
        preset: Settings,
        pinned: bool,
        model,
        again: Callable[[], Mapping[str, Tensor]] | None = None,
    ) -> None:
        """`again` reads `state` once more, for another device; None: the host moves the weights there as needed."""
        self.config, self.preset, self.again = config, preset, again
        self.pinned = pinned  # latent frame 0 is the picture at every step
        self.traits = ("pinned",) if pinned else ()
        network = MultiTalkNetwork(config, **settings_for(state, model))
        network.load_state_dict(state, assign=True)  # memory-mapped, as the host reads the file
        network.eval().requires_grad_(False)
        patcher = comfy.model_patcher.CoreModelPatcher(
            network, load_device=model.load_device, offload_device=model.offload_device
        )
        super().__init__(patcher)

    def placed(self, model) -> MultiTalkLayers:
        if self.again is None:
            return self
        return MultiTalkLayers(self.again(), self.config, self.preset, self.pinned, model, self.again)

    @uncompiled
    def __call__(self, arguments: dict[str, Any]) -> Tensor:
        options = arguments["transformer_options"]
        if HOST_EMBEDS not in options:
            return arguments["x"]
        here = self.here(options)
        return super().__call__(arguments) if here is self else here(arguments)

    @torch.no_grad()
    def project(self, heard: Tensor) -> Tensor:
        """What the speakers of some windows are heard to say [w speakers f 5 layers width] -> the tokens of each
        latent frame, [w t n width], a speaker's after the other's."""
        parts = (part.flatten(3)[..., None, :] for part in packed(heard.flatten(0, 1)))
        tokens = self.model_patch.model.audio_proj(*parts).unflatten(0, heard.shape[:2])
        return tokens.movedim(1, 2).flatten(2, 3)

    @uncompiled
    def brought(self, entries: dict[str, Any], latent_frames: int) -> dict[str, Any]:
        embeds, masks = entries.pop(EMBEDS, None), entries.pop(MASKS, None)
        entries.pop(BRANCH, None)
        # the host's layers know no batch
        found = {} if embeds is None else {HOST_EMBEDS: embeds.flatten(0, 1)[None]}
        return found if masks is None else {**found, MASKS: only_one(masks)}


def pin(executor, x: Tensor, *args, **kwargs) -> Tensor:
    """Around one forward: the first latent frames are replaced by those that the conditioning brought."""
    motion = kwargs.pop(MOTION, None)
    if motion is not None:
        x = torch.cat([motion.to(x), x[:, :, motion.shape[2] :]], dim=2)
    return executor(x, *args, **kwargs)


@uncompiled
def map_speakers(arguments: dict[str, Any]) -> Tensor:
    """After each self-attention, where two speak: how much each token of the video looks at each of them."""
    options = arguments["transformer_options"]
    if MASKS in options:
        masks = options[MASKS].to(arguments["x"])
        options["x_ref_attn_map"] = native.get_attn_map_with_target(
            arguments["q"], arguments["k"], options["grid_sizes"], ref_target_masks=masks
        )
    return arguments["x"]


def audio_conds(
    tokens: Tensor, branch: str, motion: Tensor | None = None, masks: Tensor | None = None
) -> dict[str, comfy.conds.CONDRegular]:
    """Entries of a condition's `model_conds` with which a branch hears the tokens [1 t n width] of one window.

    The branch's name keeps the host from running two branches as one batch, which its map of the speakers cannot.
    """
    entries = {EMBEDS: comfy.conds.CONDRegular(tokens), BRANCH: comfy.conds.CONDConstant(branch)}
    if motion is not None:
        entries[MOTION] = comfy.conds.CONDRegular(motion)
    if masks is not None:
        entries[MASKS] = comfy.conds.CONDRegular(masks[None])
    return entries


def with_payload(conditioning: list, payload: ConditioningPayload, clip_vision_output=None) -> list:
    """The conditioning with a payload whose voice is a `MultiTalkVoice`."""
    return payloads.with_payload(conditioning, payload, KEY, clip_vision_output=clip_vision_output)


def payload_of(conditioning: list) -> ConditioningPayload | None:
    return payloads.payload_of(conditioning, KEY)


def only_one(masks: Tensor) -> Tensor:
    """[b 3 n] -> [3 n]"""
    if len(masks) > 1:
        raise InputError(
            "Videos of two speakers are generated one at a time. Use a latent with a batch size of 1."
        )
    return masks[0]


def add_layers(model, layers: MultiTalkLayers):
    """A clone of the MODEL with audio conditioning. Raises InputError for a model that cannot carry these layers."""
    check_backbone(model, layers.config)
    model = patched(model, layers, KEY)
    model.set_model_patch(map_speakers, "attn1_patch")
    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.APPLY_MODEL, KEY, pin)
    return model


def check_backbone(model, config: MultiTalkConfig) -> None:
    if not is_backbone(model):
        raise InputError(
            f"The model is of type {type(model.model).__name__}. InfiniteTalk goes on the Wan 2.1 image-to-video "
            "model: load wan2.1_i2v_480p_14B_fp16.safetensors from models/diffusion_models with Load Diffusion "
            "Model."
        )
    if find_patch(model) is not None:
        raise InputError("This model has audio layers already. Give a plain Wan 2.1 image-to-video model.")
    sizes = model.model.model_config.unet_config
    if not takes_picture(model):
        raise InputError(
            "This model takes no picture (a text-to-video file). Load the image-to-video one, such as "
            "wan2.1_i2v_480p_14B_fp16.safetensors from models/diffusion_models."
        )
    if (config.dim, config.num_layers) != (sizes["dim"], sizes["num_layers"]):
        raise InputError(
            f"These audio layers are for a model of width {config.dim} with {config.num_layers} blocks; this one has "
            f"width {sizes['dim']} and {sizes['num_layers']} blocks. Give the Wan 2.1 image-to-video model of 14B."
        )


def find_layers(model) -> MultiTalkLayers | None:
    return find_patch(model, MultiTalkLayers)


def load_v3(path: Path, preset: Settings, weight_dtype: str = "default"):
    """A file of SkyReels-V3 A2V or SoulX-FlashTalk, or the parts of one, as the host's own Wan model with the audio
    layers on it."""
    check_name(path, preset)
    headers = Headers()
    file = read_multitalk(path, "skyreels-v3-a2v", headers)
    model = load_v3_backbone(path, weight_dtype, read=headers)
    model.cached_patcher_init = (load_v3_backbone, (path, weight_dtype))

    def read() -> dict[str, Tensor]:
        return {name: tensor for name, tensor in read_state(file)[0].items() if is_audio_name(name)}

    pinned = pins_first_frames(preset)
    return add_layers(model, MultiTalkLayers(read(), file.audio, preset, pinned, model, read))


def load_v3_backbone(
    path: Path, weight_dtype: str, disable_dynamic: bool = False, read: ReadHeader = read_header
):
    """The host's own Wan model of a SkyReels-V3 A2V file; the host calls this too, as `model.load_backbone`."""
    state, metadata = read_state(read_multitalk(path, "skyreels-v3-a2v", read))
    backbone = {name: tensor for name, tensor in state.items() if not is_audio_name(name)}
    return wan_model(backbone, metadata, weight_dtype, disable_dynamic, path.name)


def apply_infinitetalk(model, path: Path, preset: Settings):
    """The MODEL with the audio layers of an InfiniteTalk or MultiTalk file."""
    file = read_multitalk(path, "infinitetalk")
    check_backbone(model, file.audio)

    def read() -> dict[str, Tensor]:
        return read_state(file)[0]

    return add_layers(model, MultiTalkLayers(read(), file.audio, preset, True, model, read))


def read_state(file: MultiTalkFile) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All weights by their names without a prefix, memory-mapped, scales as the host names them; and metadata that
    tells the host the sizes which it does not look for."""
    state, metadata = {}, {}
    for part in file.parts:
        tensors, stated = comfy.utils.load_torch_file(str(part.path), return_metadata=True)
        state |= {name.removeprefix(part.prefix): tensor for name, tensor in tensors.items()}
        metadata |= stated or {}
    if file.backbone is not None:
        sizes = {"num_heads": file.backbone.num_heads, "text_dim": file.backbone.text_dim}
        metadata["config"] = json.dumps({"transformer": sizes})
    return comfy.utils.convert_old_quants(state, "", metadata=metadata)


def settings_for(state: Mapping[str, Tensor], model) -> dict[str, Any]:
    """How the host's modules are built: empty, their weights come from the file; quantised ones the host's way."""
    if not any(name.endswith(".comfy_quant") for name in state):
        return {"device": "meta", "dtype": None, "operations": comfy.ops.manual_cast}
    dtype = model.model.get_dtype_inference()
    quantised = SimpleNamespace(quant_config={"mixed_ops": True})
    operations = comfy.ops.pick_operations(None, dtype, model.load_device, model_config=quantised)
    return {"device": model.offload_device, "dtype": dtype, "operations": operations}
