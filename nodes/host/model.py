"""MODEL values from files."""

from __future__ import annotations

import comfy.sd
import torch

from ...skyreels_core.errors import InputError

WEIGHT_OPTIONS = {
    "default": {},
    "fp8_e4m3fn": {"dtype": torch.float8_e4m3fn},
    "fp8_e4m3fn_fast": {"dtype": torch.float8_e4m3fn, "fp8_optimizations": True},
    "fp8_e5m2": {"dtype": torch.float8_e5m2},
}


def wan_model(state, metadata, weight_dtype: str, disable_dynamic: bool, name: str):
    options = dict(WEIGHT_OPTIONS[weight_dtype])
    model = comfy.sd.load_diffusion_model_state_dict(
        state, model_options=options, metadata=metadata, disable_dynamic=disable_dynamic
    )
    if model is None:
        raise InputError(f"ComfyUI does not recognise the video model in {name}. Update ComfyUI.")
    return model
