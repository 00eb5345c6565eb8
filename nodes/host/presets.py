"""What a MODEL is sampled with where a graph says nothing else: a chosen preset, or its family's recommendation."""

from __future__ import annotations

from ...skyreels_core.families.preset import Preset
from ...skyreels_core.run.settings import Settings
from .family import Family

KEY = "skyreels_audio_preset"  # of the MODEL's attachments


def with_preset(model, preset: Preset):
    model = model.clone()
    model.set_attachments(KEY, preset)
    return model


def recommended(family: type[Family], model) -> Settings:
    chosen: Preset | None = model.get_attachment(KEY)
    return family.recommended(model) if chosen is None else chosen.settings


def chosen_lora(model) -> list[str]:
    """What is said where the chosen preset's LoRA is missing."""
    chosen: Preset | None = model.get_attachment(KEY)
    return [] if chosen is None else missing_lora(model, chosen.lora)


def missing_lora(model, file: str | None) -> list[str]:
    """What is said where a preset is for a LoRA and the MODEL has none. A model may have it merged, so that this is
    no error."""
    if not file or model.patches:
        return []
    return [
        f"The preset is for a distillation LoRA, and this model has no LoRA on it: so few steps give a blurred video. "
        f"Put {file} into models/loras and wire LoraLoaderModelOnly before the sampler, or choose another preset. "
        "If the LoRA is merged into the model, this is fine."
    ]
