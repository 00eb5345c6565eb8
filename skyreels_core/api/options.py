"""How a run is sampled, in the words of the front door: what is not given is what the model's file recommends."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypedDict, get_args, get_type_hints

from ..audio.preprocessing import AudioPreprocessing
from ..errors import InputError
from ..run.settings import METHODS, SEEDS, Settings, in_type
from ..sampling.solvers import SOLVERS
from ..windows import MODES

PREPROCESSING = ("voice_gate", "loudness")
# Option to field, where they are called otherwise.
FIELDS = {
    "negative_prompt": "negative_text",
    "tea_cache_memory": "cache_memory",
}
CACHES = {"tea_cache": "teacache", "mag_cache": "magcache"}  # thresholds, of which one chooses its method


class Options(TypedDict, total=False):
    """By name; None is not given. `help(skyreels_core.Model)` says what each is."""

    seed: int | None
    steps: int | None
    width: int | None
    height: int | None
    fps: float | None
    audio_guidance: float | str | None
    text_guidance: float | str | None
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
    mag_cache: float | None
    tea_cache_memory: float | None
    voice_gate: float | None
    loudness: float | None
    method: str | None
    denoise: float | None


OPTIONS = tuple(Options.__annotations__)
TYPES = get_type_hints(Options)
NEEDED = {int: "an integer", float: "a number", bool: "True or False", str: "a string"}
CHOICES = {"solver": SOLVERS, "fusion": MODES, "method": METHODS}
LONGEST = 60  # characters of a value that a sentence shows


def settings_of(recommended: Settings, options: Mapping[str, Any]) -> Settings:
    """What a model recommends, with the options that are given; None is not given.

    Raises InputError for an option that there is not, and for values that no run can use.
    """
    values = {name: value_of(name, value) for name, value in options.items()}
    preprocessing = AudioPreprocessing(*(values.get(name) for name in PREPROCESSING))
    others = {
        name: value for name, value in values.items() if name not in PREPROCESSING and name not in CACHES
    }
    given = {FIELDS.get(name, name): value for name, value in others.items()}
    settings = recommended.override(**given, **cache_of(values, recommended.cache), hearing=preprocessing)
    settings.check()
    if not 0 <= settings.seed < SEEDS:
        raise InputError(f"The seed is {settings.seed}; give an integer from 0 to {SEEDS - 1}.")
    return settings


def cache_of(values: Mapping[str, Any], recommended: str) -> dict[str, Any]:
    """The fields that the caches' thresholds decide. For TeaCache 0 computes every step, as it always did; for MagCache
    it switches that off where it is recommended. Raises InputError where both have a threshold."""
    given = {name: values[name] for name in CACHES if values.get(name) is not None}
    used = [name for name, threshold in given.items() if threshold]
    if len(used) > 1:
        raise InputError(
            f"TeaCache has the threshold {given['tea_cache']:g} and MagCache {given['mag_cache']:g}. One of them "
            "chooses the steps that are reused: give one threshold, and leave the other out."
        )
    if used:
        return {"cache_threshold": given[used[0]], "cache": CACHES[used[0]]}
    off = "tea_cache" in given or ("mag_cache" in given and recommended == CACHES["mag_cache"])
    return {"cache_threshold": 0} if off else {}


def value_of(name: str, value: Any) -> Any:
    """The option's value in its own type; a number for a guidance is a constant schedule."""
    check_name(name)
    if value is None:
        return None
    kinds = get_args(TYPES[name])
    try:
        value = in_type(value, TYPES[name])
    except TypeError as error:
        needed = " or ".join(NEEDED[kind] for kind in kinds if kind in NEEDED)
        needed = f"one of {', '.join(CHOICES[name])}" if name in CHOICES else needed
        raise InputError(
            f"The option {name} is {described(value)}; give {needed}. help(skyreels_core.Model) says what it does."
        ) from error
    if str not in kinds:
        return value
    return as_text(value if isinstance(value, str) else f"{Decimal(str(value)):f}", f"option {name}")


def as_text(value: Any, what: str) -> str:
    """A string in Unicode. Raises InputError for anything else."""
    if not isinstance(value, str):
        raise InputError(f"The {what} is {described(value)}; give a string, which may be empty.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"The {what} is not valid Unicode at character {error.start}; read or type it again as UTF-8."
        ) from error
    return value


def described(value: object) -> str:
    """A value of a wrong type in a sentence, in one line."""
    text = " ".join(repr(value).split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return text if value is None else f"{text}, of type {type(value).__name__}"


def check_name(name: str) -> None:
    if name not in OPTIONS:
        near = get_close_matches(name, OPTIONS, 1)
        known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(OPTIONS)}."
        raise InputError(f"There is no option {name!r}: {known}")
