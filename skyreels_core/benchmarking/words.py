"""How figures are called and written on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.metrics.metric import HIGHER, LOWER, Figure
from ..evaluation.metrics.summary import Summary
from .spec import Setting

DIGITS = 3
NAMES = {
    "sync_c": "Sync-C", "sync_d": "Sync-D", "sync_offset": "Sync offset", "fid": "FID", "fvd": "FVD", "niqe": "NIQE",
    "mouth_r": "mouth r", "lips_r": "lips r", "lips_p": "lips p", "outside_psnr": "outside PSNR",
}  # fmt: skip
ARROWS = {HIGHER: "↑", LOWER: "↓"}
MINUS = "\u2212"


def name_of(figure: Figure) -> str:
    return NAMES.get(figure.name, figure.name.replace("_", " "))


def titled(figure: Figure) -> str:
    """With the arrow to what is better."""
    return f"{name_of(figure)} {ARROWS.get(figure.better, '')}".strip()


def number(value: float, signed: bool = False) -> str:
    """Three significant digits: 38.3, 0.912, 365."""
    size = abs(value)
    text = (
        f"{size:.0f}"
        if size >= 100
        else f"{size:.1f}"
        if size >= 10
        else f"{size:.2f}"
        if size >= 1
        else f"{size:.3f}"
    )
    sign = MINUS if value < 0 and float(text) else "+" if signed and float(text) else ""
    return f"{sign}{text}"


def counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def between(found: Summary, signed: bool = False) -> str:
    """The 95 % interval; empty where there are too few clips."""
    if found.low is None or found.high is None:
        return ""
    return f"{number(found.low, signed)} to {number(found.high, signed)}"


def options_of(setting: Setting) -> str:
    """A setting's options in one line."""
    return ", ".join([*_pairs(setting.options), *_pairs(setting.model)]) or "as the model recommends"


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} {str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()
    ]
