"""A preset on a model that a loader of ComfyUI's own loads."""

from __future__ import annotations

from comfy_api.latest import io

from ..skyreels_core.errors import InputError
from ..skyreels_core.families.preset import Preset
from .families import families, find_family
from .host.presets import with_preset
from .sockets import LOADERS


def presets_of(family: type) -> dict[str, Preset]:
    return getattr(family, "presets", {})


class SamplingPreset(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        known = [name for family in families() for name in presets_of(family)]
        return io.Schema(
            node_id="SkyReelsAudioPreset",
            display_name="Sampling Preset",
            category=LOADERS,
            description="Sets what a HuMo or Wan2.2-S2V model recommends: steps, shift, guidance and solver, such as "
            "those of a few-step LoRA.",
            search_aliases=["fast", "lightx2v", "few steps", "humo", "s2v"],
            inputs=[
                io.Model.Input("model", tooltip="From Load Diffusion Model, with the preset's LoRA on it."),
                io.Combo.Input(
                    "preset", options=known,
                    tooltip="What the sampler's fields that are left at 0 or empty stand for.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="The same model with the preset.")],
        )  # fmt: skip

    @classmethod
    def execute(cls, model, preset: str) -> io.NodeOutput:
        own = presets_of(find_family(model))
        if preset not in own:
            fitting = (
                f"Choose one of {'; '.join(own)}." if own else "Its loader has the presets of this model."
            )
            raise InputError(f"The preset {preset!r} is not for this model. {fitting}")
        return io.NodeOutput(with_preset(model, own[preset]))


NODES = [SamplingPreset]
