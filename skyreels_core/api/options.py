"""How a run is sampled, in the words of the front door: what is not given is what the model's file recommends."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

from ..audio.preprocessing import AudioPreprocessing
from ..errors import InputError
from ..run.settings import Settings

PREPROCESSING = ("voice_gate", "loudness")
# Option to field, where they are called otherwise.
FIELDS = {
    "negative_prompt": "negative_text",
    "tea_cache": "cache_threshold",
    "tea_cache_memory": "cache_memory",
}


class Options(TypedDict, total=False):
    """By name; None is not given. `help(skyreels_core.Model)` says what each is."""

    seed: int | None
    steps: int | None
    width: int | None
    height: int | None
    fps: float | None
    audio_guidance: str | None
    text_guidance: str | None
    shift: float | None
    solver: str | None
    window: int | None
    overlap: int | None
    fusion: str | None
    hybrid: float | None
    null_image: bool | None
    colour_strength: float | None
    composite: bool | None
    negative_prompt: str | None
    tea_cache: float | None
    tea_cache_memory: float | None
    voice_gate: float | None
    loudness: float | None


OPTIONS = tuple(Options.__annotations__)


def settings_of(recommended: Settings, options: Mapping[str, Any]) -> Settings:
    """What a model recommends, with the options that are given; None is not given.

    Raises InputError for an option that there is not, and for values that no run can use.
    """
    for name in options:
        check_name(name)
    preprocessing = AudioPreprocessing(*(options.get(name) for name in PREPROCESSING))
    given = {FIELDS.get(name, name): value for name, value in options.items() if name not in PREPROCESSING}
    settings = recommended.override(**given, hearing=preprocessing)
    settings.check()
    return settings


def check_name(name: str) -> None:
    if name not in OPTIONS:
        near = get_close_matches(name, OPTIONS, 1)
        known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(OPTIONS)}."
        raise InputError(f"There is no option {name!r}: {known}")
