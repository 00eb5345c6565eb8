"""A voice as the backbone hears it: its tokens, and the frames that it speaks over."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..timeline import Timeline


@dataclass(frozen=True, eq=False)
class Voice:
    tokens: Tensor  # [n width] float32, 50 a second
    timeline: Timeline

    @property
    def width(self) -> int:
        return self.tokens.shape[1]
