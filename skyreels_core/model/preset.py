"""The settings with which a model wants to be sampled, carried in its file's metadata."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SamplingPreset:
    width: int  # pixels
    height: int  # pixels
    fps: float
    window: int  # latent frames
    overlap: int  # latent frames that neighbouring windows share
    steps: int
    shift: float  # of the flow schedule
    spacing: str  # of its steps, a name of sampling.schedule.SPACINGS
    solver: str  # a name of sampling.solvers.SOLVERS
    text_guidance: str  # schedules, in the words of sampling.guidance.parse_schedule
    audio_guidance: str
    hybrid: float  # part of the steps, 0..1, in which an edit sees the whole masked video
    cache_threshold: float | None  # TeaCache; None computes every step
    cache_coefficients: tuple[float, ...] | None  # highest power first; None: the backbone's published ones


# Method sections 1, 5, 6 and 7.
WAN = SamplingPreset(
    width=832,
    height=480,
    fps=25.0,
    window=21,
    overlap=5,
    steps=50,
    shift=5.0,
    spacing="even",
    solver="euler",
    text_guidance="cosine:5->1@0.4",
    audio_guidance="4.5",
    hybrid=0.2,
    cache_threshold=None,
    cache_coefficients=None,
)


def preset_of(metadata: Mapping[str, Any]) -> SamplingPreset:
    """The "sampling" section of a model's metadata over the settings of a plain Wan model."""
    stated = dict(metadata.get("sampling") or {})
    known = {field.name for field in fields(SamplingPreset)}
    if unknown := sorted(stated.keys() - known):
        logger.warning("Sampling settings that this version does not know: %s.", ", ".join(unknown))
    values = {name: _checked(name, stated[name]) for name in known & stated.keys()}
    if values.get("cache_coefficients") is not None:
        values["cache_coefficients"] = tuple(values["cache_coefficients"])
    return replace(WAN, **values)


def _checked(name: str, value: Any) -> Any:
    """Raises InputError for what cannot be meant; what is out of range is refused with the options."""
    if name in ("cache_threshold", "cache_coefficients") and value is None:
        return value
    if name == "cache_coefficients":
        fits = isinstance(value, list) and value and all(_is_number(item) for item in value)
    elif isinstance(getattr(WAN, name), str):
        fits = isinstance(value, str)
    elif isinstance(getattr(WAN, name), int):
        fits = type(value) is int
    else:
        fits = _is_number(value)
    if not fits:
        raise InputError(
            f"The model's file recommends {name} = {value!r}, which is none. Give another model, or save this one "
            "again with a value that can be used."
        )
    return value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
