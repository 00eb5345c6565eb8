"""A sampler that would ignore the audio conditioning is refused."""

from __future__ import annotations

import comfy.conds

from ...skyreels_core.errors import InputError

KEY = "skyreels_audio"
GUARD = f"{KEY}_guard"  # the entry of `model_conds` that our guiders leave out
IGNORES_AUDIO = (
    "This sampler ignores the audio conditioning: the voice would be left out. Use SkyReels Audio Sampler, or SkyReels "
    "Audio Guider with SamplerCustomAdvanced."
)


def reject_other_guiders(key: str, executor, *args, **kwargs):
    """Around a run: a guider of the host's own would leave out voice and picture without a word."""
    guider = executor.class_obj
    payloads = any(key in cond for conds in guider.conds.values() for cond in conds)
    if payloads and not getattr(guider, "uses_audio", False):
        raise InputError(IGNORES_AUDIO)
    return executor(*args, **kwargs)


class SamplerGuard(comfy.conds.CONDConstant):
    """Stops the first forward of any sampler that takes the conditioning as it comes, also with a model that has no
    wrapper of ours on it."""

    def __init__(self, cond: object = None) -> None:
        super().__init__(cond)

    def process_cond(self, **_) -> None:
        raise InputError(IGNORES_AUDIO)


def with_sampler_guard(conditioning: list) -> list:
    """The conditioning, of which a sampler that would leave out its voice makes nothing."""
    return [
        [text, {**options, "model_conds": {**options.get("model_conds", {}), GUARD: SamplerGuard()}}]
        for text, options in conditioning
    ]
