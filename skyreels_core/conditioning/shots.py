"""What a shot shows each window: a picture that speaks, nothing at all, or a video with a hole.

A shot carries pixels; the windows are encoded once, when their plan is known, and shared by all branches
(method section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from ..errors import InputError
from ..sampling.denoise import Unit
from ..sampling.fusion import WindowPlan
from ..sampling.hybrid import Variant
from ..timeline import frames_of
from ..video.reading import Fit
from .conditions import VideoEncoder, image_animation, no_picture, video_editing
from .masks import check_mask


@dataclass(frozen=True)
class WindowConditions:
    """The condition [1 20 t h/8 w/8] of each window, built before sampling and kept on the CPU."""

    conditions: Mapping[tuple[int, Variant], Tensor]  # by window index and variant
    without_picture: Tensor | None = None  # what the null branch sees in its place, if it is to

    def of(self, unit: Unit) -> Tensor:
        if unit.branch == "null" and self.without_picture is not None:
            return self.without_picture
        return self.conditions[unit.window.index, unit.variant]


class Shot(Protocol):
    @property
    def hybrid(self) -> float | None:
        """Part of the steps that see the whole video (Eq. 4); None where there is none."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        ...

    def encode(
        self,
        vae: VideoEncoder,
        plan: WindowPlan,
        variants: Collection[Variant] = ("video", "first"),
        callback: Callable[[int], None] | None = None,
    ) -> Mapping[tuple[int, Variant], Tensor]:
        """The conditions of all windows. `callback` hears of every window encoded and may raise to cancel."""
        ...


@dataclass(frozen=True, eq=False)
class Animation:
    """A picture [h w 3] in 0..1 at the model's size; without one the text alone says what is seen."""

    picture: Tensor | None
    width: int  # pixels
    height: int
    hybrid: None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def encode(
        self,
        vae: VideoEncoder,
        plan: WindowPlan,
        variants: Collection[Variant] = ("video",),
        callback: Callable[[int], None] | None = None,
    ) -> dict[tuple[int, Variant], Tensor]:
        """All windows have one length, so one condition serves them all."""
        frames = frames_of(plan.windows[0].length)
        if self.picture is None:
            condition = no_picture(vae, frames, self.height, self.width)
        else:
            condition = image_animation(vae, self.picture, frames)
        if callback is not None:
            callback(len(plan.windows))
        return {(window.index, "video"): condition for window in plan.windows}


@dataclass(frozen=True, eq=False)
class VideoEdit:
    """The frames [f h w 3] that are edited and their mask [f h w] or [1 h w], 1 = made anew."""

    frames: Tensor
    mask: Tensor
    hybrid: float = 0.2

    @property
    def size(self) -> tuple[int, int]:
        return self.frames.shape[2], self.frames.shape[1]

    def frame(self, index: int) -> Tensor:
        """The last one lasts for ever."""
        return self.frames[min(index, len(self.frames) - 1)]

    def scaled(self, width: int, height: int) -> VideoEdit:
        """At the model's size; a pixel is made anew where any of its source pixels is."""
        frames = Fit(self.size, (width, height), (width, height)).apply(self.frames)
        mask = adaptive_max_pool2d((self.mask > 0.5).float(), (height, width))
        return VideoEdit(frames, mask, self.hybrid)

    def encode(
        self,
        vae: VideoEncoder,
        plan: WindowPlan,
        variants: Collection[Variant] = ("video", "first"),
        callback: Callable[[int], None] | None = None,
    ) -> dict[tuple[int, Variant], Tensor]:
        conditions = {}
        for window in plan.windows:
            where = window.start, window.length
            for variant in variants:
                condition = video_editing(vae, self.frames, self.mask, *where, variant)
                conditions[window.index, variant] = condition
            if callback is not None:
                callback(window.index + 1)
        return conditions


def check_edit(frames: Tensor, mask: Tensor) -> None:
    """Raises InputError for a mask [f h w] that does not belong to the video [f h w 3] or is empty."""
    check_mask(mask, frames)
    if not (mask > 0.5).any():
        raise InputError("The mask is black everywhere, so nothing would change; white is what is made anew.")
