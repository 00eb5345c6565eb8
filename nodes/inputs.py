"""Sockets that several nodes have."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..skyreels_core.conditioning.fitting import SHAPES
from ..skyreels_core.run.settings import SEEDS
from ..skyreels_core.sampling.guidance import GRAMMAR
from .host.model import WEIGHT_OPTIONS

BEFORE_FIT = "crop"  # of API files without the input; nodes/web/fit.js gives it to graphs without the widget


def prompt_inputs() -> list[io.Input]:
    return [
        io.Conditioning.Input("positive", tooltip="The prompt, from CLIP Text Encode."),
        io.Conditioning.Input("negative", tooltip="The negative prompt; usually empty."),
        io.Vae.Input("vae", tooltip="The model's video VAE."),
    ]


def shared_inputs() -> list[io.Input]:
    return [
        *prompt_inputs(),
        io.AudioEncoderOutput.Input(
            "tokens", tooltip="The voice, from Audio To Tokens; it sets the length and the frame rate."
        ),
    ]


def size_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "width", default=832, min=0, max=4096, step=16,
            tooltip="Pixels, rounded to a multiple of 16; 0 = the picture's.",
        ),
        io.Int.Input(
            "height", default=480, min=0, max=4096, step=16,
            tooltip="Pixels, rounded to a multiple of 16; 0 = the picture's.",
        ),
    ]  # fmt: skip


def fit_input() -> io.Input:
    return io.Combo.Input(
        "fit", options=list(SHAPES), default=SHAPES[0], optional=True,
        tooltip="If the picture has another aspect ratio: keep_shape keeps it and the area of width x height; crop "
        "crops the picture to that size; pad adds black bars.",
    )  # fmt: skip


def clip_vision_input() -> io.Input:
    return io.ClipVisionOutput.Input(
        "clip_vision_output",
        optional=True,
        tooltip="The picture, encoded by CLIP Vision Encode, for Wan image-to-video models that use it.",
    )


def seed_input(tooltip: str) -> io.Input:
    return io.Int.Input(
        "seed", default=0, min=0, max=SEEDS - 1, control_after_generate=True, tooltip=tooltip,
    )  # fmt: skip


def shift_input(own: str) -> io.Input:
    """`own` says, here and below, where the value comes from if the field is left open."""
    return io.Float.Input(
        "shift", default=0.0, min=0.0, max=100.0, step=0.1,
        tooltip="Flow-matching timestep shift: higher stays longer at high noise; 0 = that of "
        f"ModelSamplingSD3 before this node, or {own}.",
    )  # fmt: skip


def guidance_inputs(own: str) -> list[io.Input]:
    return [
        io.String.Input(
            "audio_guidance", default="", placeholder="model's own",
            tooltip=f"Audio CFG scale over the steps; empty = {own}. {GRAMMAR}",
        ),
        io.String.Input(
            "text_guidance", default="", placeholder="model's own",
            tooltip=f"Text CFG scale over the steps; empty = {own}. {GRAMMAR}",
        ),
    ]  # fmt: skip


def outputs() -> list[io.Output]:
    return [
        io.Conditioning.Output(
            display_name="positive", tooltip="The prompt with the voice and the picture or video."
        ),
        io.Conditioning.Output(display_name="negative", tooltip="The negative prompt, for the guidance."),
        io.Latent.Output(display_name="latent", tooltip="An empty latent of the right size and length."),
        io.String.Output(display_name="report", tooltip="Size and length, and how they were rounded."),
    ]


def path_of(folder: str, name: str) -> Path:
    return Path(folder_paths.get_full_path_or_raise(folder, name))


def weight_dtype_input() -> io.Input:
    return io.Combo.Input(
        "weight_dtype",
        options=list(WEIGHT_OPTIONS),
        default="default",
        tooltip="Precision of the video model's weights; fp8 halves their memory. Audio layers keep the precision "
        "of the file.",
        advanced=True,
        optional=True,
    )
