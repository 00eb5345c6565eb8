"""What a graph asks of a run, as settings by name: what is None is left to the model's recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...skyreels_core.run.settings import Settings
from ...skyreels_core.sampling.cache import CACHES, CacheSettings
from ...skyreels_core.sampling.guidance import GuidanceSettings
from ...skyreels_core.sampling.solvers import SOLVERS
from ...skyreels_core.windows import WindowSettings
from .shift import recommended_shift

Given = Mapping[str, Any]  # names of Settings

GIVEN = "given here"  # in a field of the node


def of_sockets(
    windows: WindowSettings | None, guidance: GuidanceSettings | None, cache: CacheSettings | None
) -> dict[str, Any]:
    """What the nodes before the sampler decide."""
    given: dict[str, Any] = {}
    if windows is not None:
        given |= {
            "window": windows.length, "overlap": windows.overlap, "fusion": windows.mode,
            "fuse_first_step": windows.fuse_first_step,
        }  # fmt: skip
    if guidance is not None:
        given |= {"audio_guidance": guidance.audio, "text_guidance": guidance.text, "rule": guidance.rule}
    return given if cache is None else given | of_cache(cache)


def of_cache(cache: CacheSettings) -> dict[str, Any]:
    return {
        "cache": cache.method, "cache_threshold": cache.threshold, "cache_memory": cache.memory,
        "cache_in_a_row": cache.in_a_row,
    }  # fmt: skip


def of_fields(
    steps: int, shift: float, solver: str, audio_guidance: str, text_guidance: str, window: int = 0,
    overlap: int = -1, tea_cache: float = -1.0, **others: Any,
) -> dict[str, Any]:  # fmt: skip
    """The sampler's fields, where 0, -1 and an empty text stand for the model's own."""
    return {
        "steps": steps or None,
        "shift": shift or None,
        "solver": solver if solver in SOLVERS else None,
        "audio_guidance": audio_guidance.strip() or None,
        "text_guidance": text_guidance.strip() or None,
        "window": window or None,
        "overlap": None if overlap < 0 else overlap,
        "cache_threshold": None if tea_cache < 0 else tea_cache,
        "cache": "teacache" if tea_cache > 0 else None,
        **others,
    }


def with_shift(model, settings: Settings, fields: Given) -> tuple[Settings, str]:
    """The settings with the shift that counts, and where it comes from."""
    if fields.get("shift"):
        return settings, GIVEN
    shift, source = recommended_shift(model, settings)
    return settings.override(shift=shift), source


def cache_source(fields: Given, sockets: Given) -> str:
    if "cache_threshold" in sockets:
        return f"of the {CACHES[sockets['cache']]} node"
    return "recommended for the model" if fields.get("cache_threshold") is None else GIVEN
