"""Editing with a model that never saw a mask: outside the region, the video itself is put back at every step.

What inpainting does with a latent (RePaint, arXiv 2201.09865; ComfyUI's `KSamplerX0Inpaint`), for windows that each
have latents of their own: the causal VAE restarts at a window's first frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from ..windows import Window, WindowPlan
from .hybrid import Hybrid


class FramesOfLatents(Protocol):
    """Latents [b c t h w], a tensor or what lies on a disk, of which latents[:, :, first:last] are asked for."""

    def __getitem__(self, part: tuple[slice, slice, slice], /) -> Tensor: ...


class Pinning:
    """What the windows of one run keep of the video that is edited.

    source_of: of a window [1 1+c t h w], first where it is regenerated (1) and then the video's latents. noise: what
    the run began with [b c t h w], of the whole length; None for a part of a run that does not know it. steps: those
    that pin are the ones in which `Hybrid` shows the video.
    """

    def __init__(
        self, source_of: Callable[[Window], Tensor], noise: FramesOfLatents | None, steps: Hybrid
    ) -> None:
        self.source_of, self.noise, self.steps = source_of, noise, steps
        self._last: tuple[Window, Tensor] | None = None

    def pins(self, sigma: float) -> bool:
        return self.steps.variant(sigma) == "video"

    def replaced(self, x: Tensor, window: Window, sigma: float) -> Tensor:
        """What the network is given instead of a window's x [b c t h w]: outside the mask the video at this noise."""
        if self.noise is None:
            return x
        mask, source = self._source(x, window)
        noise = self.noise[:, :, window.frames].to(x)
        return mask * x + (1 - mask) * ((1 - sigma) * source + sigma * noise)

    def restored(self, denoised: Tensor, window: Window) -> Tensor:
        """A window's guided x0 [b c t h w]; outside the mask it is the video."""
        mask, source = self._source(denoised, window)
        return mask * denoised + (1 - mask) * source

    def video(self, like: Tensor, windows: WindowPlan) -> Tensor:
        """The latents [b c t h w] of the whole video, as the windows have it."""
        sources = (self._source(like, window)[1] for window in windows.windows)
        return windows.fuse(source.expand(len(like), -1, -1, -1, -1) for source in sources)

    def begun(self, noise: Tensor, windows: WindowPlan, sigma: float) -> Tensor:
        """Where a run starts at less than full noise: the video, noised inside the mask too."""
        return (1 - sigma) * self.video(noise, windows) + sigma * noise

    def _source(self, like: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        """Mask and latents; those of the last window wait for its next branch, as they may come from a disk."""
        if self._last is None or self._last[0] != window:
            self._last = window, self.source_of(window).to(like)
        source = self._last[1].to(like)
        return source[:, :1], source[:, 1:]
