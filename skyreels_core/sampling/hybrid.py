"""Hybrid inference (Eq. 4 of the paper): the first steps of an edit see the whole masked video, the rest only
its first frame."""

from __future__ import annotations

from typing import Literal

from ..errors import InputError
from .schedule import SigmaGrid, Sigmas

# the masked video condition, or the first frame with its mask; and what pinning keeps of the video, which no
# network reads
Variant = Literal["video", "first", "source"]


def variants_seen(fraction: float | None, pinned: bool = False) -> tuple[Variant, ...]:
    """The conditions that a run with this hybrid fraction looks at; None: there is no hybrid inference."""
    if pinned:
        return ("first", "source")
    if fraction is None or fraction >= 1:
        return ("video",)
    return ("video", "first") if fraction > 0 else ("first",)


class Hybrid:
    """`fraction` 0..1 of the FULL schedule's steps use the video condition; a partial run keeps its place."""

    def __init__(self, sigmas: Sigmas, fraction: float = 0.2) -> None:
        if not 0 <= fraction <= 1:
            raise InputError(
                f"The hybrid fraction is {fraction}; give the share of the steps, 0..1, that is conditioned on "
                "the whole video, such as 0.2."
            )
        self.grid, self.fraction = SigmaGrid(sigmas), fraction

    def variant(self, sigma: float) -> Variant:
        return "video" if self.grid.progress(sigma) < self.fraction else "first"

    @property
    def switch(self) -> int:
        """N of Eq. 4: the first step that sees only the first frame; the step count where none does."""
        return [self.variant(sigma) for sigma in self.grid.values[:-1]].count("video")


def variant_at(hybrid: Hybrid | None, sigma: float) -> Variant:
    return "video" if hybrid is None else hybrid.variant(sigma)
