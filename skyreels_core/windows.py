"""Bidirectional Latent Fusion (Algorithm 1 of the paper): a video of any length as overlapping windows.

All windows of a step read the same latent, so fusing their latents after the step equals fusing their
predictions and taking one solver step. That is how it is done here, with Algorithm 1's errata corrected:
windows start evenly, none is short, and a window's weight rises from 0 where it begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor

from .errors import InputError
from .timeline import TokenSpan, first_frame, frames_of, token_span

MODES = ("bidirectional", "forward", "none")


@dataclass(frozen=True)
class Window:
    index: int
    start: int  # latent frames
    length: int  # latent frames

    @property
    def frames(self) -> slice:
        """The window's place among the latent frames."""
        return slice(self.start, self.start + self.length)

    def token_span(self, fps: float, token_count: int) -> TokenSpan:
        """The audio tokens that it is conditioned on."""
        return token_span(self.start, self.length, fps, token_count)


@dataclass(frozen=True)
class WindowSettings:
    """How a video of any length is cut; raises InputError for what `WindowPlan.plan` refuses."""

    length: int  # latent frames
    overlap: int  # latent frames
    mode: str = "bidirectional"
    fuse_first_step: bool = True

    def __post_init__(self) -> None:
        self.plan(1)

    def __str__(self) -> str:
        shared = (
            f"{frames_of(self.overlap)} shared frames ({self.overlap})"
            if self.overlap
            else "no shared frames"
        )
        return (
            f"Windows of {frames_of(self.length)} frames ({self.length} latent) with {shared}, {self.mode}."
        )

    def plan(self, latent_frames: int) -> WindowPlan:
        return WindowPlan.plan(latent_frames, self.length, self.overlap, self.mode, self.fuse_first_step)


@dataclass(frozen=True)
class WindowPlan:
    """Where the windows lie and how they are joined.

    `bidirectional`: both windows of an overlap count, by linear ramps. For comparison, `forward`: the earlier
    window alone decides the overlap; `none`: the same, with no more overlap than the length forces.
    """

    latent_frames: int
    windows: tuple[Window, ...]
    mode: str = "bidirectional"
    fuse_first_step: bool = True  # False: no fusion at t = T, the last window to write wins (paper)

    @classmethod
    def plan(
        cls,
        latent_frames: int,
        length: int,
        overlap: int,
        mode: str = "bidirectional",
        fuse_first_step: bool = True,
    ) -> WindowPlan:
        """Evenly spread windows of `length` latent frames that share `overlap` or more; a shorter video is
        one window. Raises InputError for an overlap outside 0..length-1 or an unknown mode."""
        if mode not in MODES:
            raise InputError(f"The fusion mode {mode!r} is unknown; use one of {', '.join(MODES)}.")
        if not 0 <= overlap < length:
            raise InputError(
                f"Windows of {length} latent frames cannot overlap by {overlap}; give an overlap of 0 or "
                "more that is smaller than the window."
            )
        overlap = 0 if mode == "none" else overlap
        count = max(1, ceil((latent_frames - overlap) / (length - overlap)))
        spare = max(0, latent_frames - length)
        starts = [round(i * spare / max(1, count - 1)) for i in range(count)]
        windows = tuple(Window(i, start, min(length, latent_frames)) for i, start in enumerate(starts))
        return cls(latent_frames, windows, mode, fuse_first_step)

    def __str__(self) -> str:
        count = len(self.windows)
        starts = ", ".join(str(first_frame(window.start)) for window in self.windows)
        windows = "1 window" if count == 1 else f"{count} windows"
        return f"{frames_of(self.latent_frames)} frames, {windows}, from frames {starts}."

    def weights(self, first_step: bool = False) -> Tensor:
        """How much each window counts at each latent frame, [windows t] in float64; a frame's sum is 1."""
        weights = torch.zeros(len(self.windows), self.latent_frames, dtype=torch.float64)
        for window, share in zip(self.windows, self.shares(first_step), strict=True):
            weights[window.index, window.frames] = share
        return weights

    def shares(self, first_step: bool = False) -> list[Tensor]:
        """`weights` of each window at its own latent frames [length]: what a plan of many windows can hold."""
        if first_step and not self.fuse_first_step:
            return self._owned(reversed(self.windows))
        return self._ramps if self.mode == "bidirectional" else self._owned(self.windows)

    def fuse(self, predictions: Iterable[Tensor], first_step: bool = False) -> Tensor:
        """Predictions [b c t h w], one for each window in order, to one [b c t h w] of the whole length."""
        fused = None
        for window, share, prediction in zip(self.windows, self.shares(first_step), predictions, strict=True):
            if fused is None:
                b, c, _, h, w = prediction.shape
                fused = prediction.new_zeros(b, c, self.latent_frames, h, w)
            fused[:, :, window.frames] += share[:, None, None].to(prediction) * prediction
        assert fused is not None  # a plan has one window at least
        return fused

    def _owned(self, windows: Iterable[Window]) -> list[Tensor]:
        free = torch.ones(self.latent_frames, dtype=torch.float64)
        shares = {}
        for window in windows:
            shares[window.index] = free[window.frames].clone()
            free[window.frames] = 0
        return [shares[window.index] for window in self.windows]

    @cached_property
    def _ramps(self) -> list[Tensor]:
        shares = [torch.ones(window.length, dtype=torch.float64) for window in self.windows]
        for earlier, later in pairwise(self.windows):
            shared = earlier.start + earlier.length - later.start
            ramp = torch.linspace(0, 1, shared, dtype=torch.float64)
            shares[earlier.index][earlier.length - shared :] *= 1 - ramp
            shares[later.index][:shared] *= ramp
        total = torch.zeros(self.latent_frames, dtype=torch.float64)
        for window, share in zip(self.windows, shares, strict=True):
            total[window.frames] += share
        return [share / total[window.frames] for window, share in zip(self.windows, shares, strict=True)]
