"""How long a shot is; where it begins and ends, `media.cuts` has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from .shot import Shot
from .stage import Rule, Ruled, Tools, Values


class Shots(Ruled):
    name: ClassVar = "shots"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {"seconds": float}
    rules: ClassVar[Sequence[Rule]] = (Rule("seconds", "least_seconds", "too short"),)

    def measure(self, shot: Shot, tools: Tools) -> Values:
        return {"seconds": shot.seconds}
