"""A way to sample a model, under a name."""

from __future__ import annotations

from dataclasses import dataclass

from ..run.settings import Settings


@dataclass(frozen=True)
class Preset:
    settings: Settings
    # The file in models/loras without which it has too few steps; none where it needs none
    lora: str = ""
