"""Presets that need a LoRA."""

from __future__ import annotations


def missing_lora(model, file: str | None) -> list[str]:
    """What is said where a preset is for a LoRA and the MODEL has none. A model may have it merged, so that this is
    no error."""
    if file is None or model.patches:
        return []
    return [
        f"The preset is for a distillation LoRA, and this model has no LoRA on it: so few steps give a blurred video. "
        f"Put {file} into models/loras and wire LoraLoaderModelOnly before the sampler, or choose another preset. "
        "If the LoRA is merged into the model, this is fine."
    ]
