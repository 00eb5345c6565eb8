"""A forward pass of one window: the core's backbone and diffusers', eager and compiled."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

from skyreels_core.errors import InputError
from skyreels_core.model.attention_kernels import KERNELS, attention_kernel, use_attention
from skyreels_core.model.compiling import compile_blocks

from .sizes import Sizes, audio_layers, backbone, inputs, network, peak_gib, seconds, spoken

BACKENDS = ("flash", "sage", "cudnn")  # math holds all pairs of tokens


def core(sizes: Sizes) -> dict[str, Any]:
    """Bare, with audio layers, and with each attention that there is."""
    model, given = backbone(sizes), inputs(sizes)
    found: dict[str, Any] = {"bare": seconds(lambda: model(*given), sizes), "peak_gib": peak_gib(sizes)}
    layers = spoken(sizes, audio_layers(sizes))
    found["with_audio_layers"] = seconds(lambda: model(*given, audio_layers=layers), sizes)
    for name in BACKENDS:
        try:
            kernel = attention_kernel(name, sizes.config.head_dim, sizes.dtype, sizes.device)
        except InputError:
            continue
        use_attention(kernel, model)
        found[f"attention_{name}"] = seconds(lambda: model(*given), sizes, 1)
    assert KERNELS.keys() >= set(BACKENDS)
    return found


def core_compiled(sizes: Sizes) -> dict[str, Any]:
    model, adapter, given = backbone(sizes), audio_layers(sizes), inputs(sizes)
    layers = spoken(sizes, adapter)
    compile_blocks(model, adapter, backend=backend(sizes))
    bare = seconds(lambda: model(*given), sizes)
    return {
        "bare": bare,
        "with_audio_layers": seconds(lambda: model(*given, audio_layers=layers), sizes),
        "peak_gib": peak_gib(sizes),
    }


def diffusers(sizes: Sizes) -> dict[str, Any]:
    model, given = diffusers_model(sizes), diffusers_inputs(sizes)
    return {"bare": seconds(lambda: model(**given), sizes), "peak_gib": peak_gib(sizes)}


def diffusers_compiled(sizes: Sizes) -> dict[str, Any]:
    """Block by block, as diffusers recommends."""
    model, given = diffusers_model(sizes), diffusers_inputs(sizes)
    for block in model.blocks:
        block.compile(fullgraph=True, backend=backend(sizes))
    return {"bare": seconds(lambda: model(**given), sizes), "peak_gib": peak_gib(sizes)}


def backend(sizes: Sizes) -> str:
    """Toys are traced, not compiled, which would take minutes on a CPU."""
    return "inductor" if sizes.device.type == "cuda" else "eager"


def diffusers_model(sizes: Sizes) -> Any:
    config = sizes.config
    kind = partial(
        WanTransformer3DModel,
        num_attention_heads=config.num_heads, attention_head_dim=config.head_dim, in_channels=config.in_dim,
        out_channels=config.out_dim, text_dim=config.text_dim, freq_dim=config.freq_dim, ffn_dim=config.ffn_dim,
        num_layers=config.num_layers, image_dim=1280, added_kv_proj_dim=config.dim,
    )  # fmt: skip
    model = network(kind, sizes.device, sizes.dtype)
    with torch.device(sizes.device):  # the tables of its positions are no weights
        model.rope = type(model.rope)(config.head_dim, (1, 2, 2), 1024)
    return model


def diffusers_inputs(sizes: Sizes) -> dict[str, Any]:
    x, timestep, text, picture = inputs(sizes)
    return {
        "hidden_states": x.to(sizes.dtype),
        "timestep": timestep,
        "encoder_hidden_states": text.to(sizes.dtype),
        "encoder_hidden_states_image": picture.to(sizes.dtype),
        "return_dict": False,
    }
