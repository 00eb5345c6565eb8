"""What each window is conditioned on visually: a picture that speaks, nothing at all, or a video with a hole.

A visual condition knows pixels; a window is encoded once and shared by all branches (method section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from ..media.footage import Frames, Reader, TruncatedFrames, at_frames
from ..media.reading import Fit
from ..media.region import Region
from ..sampling.denoise import Unit
from ..sampling.hybrid import Variant
from ..timeline import Timeline, first_frame, frames_at, frames_of
from ..windows import Window, WindowPlan
from .conditions import VideoEncoder, image_animation, no_picture, pinned_source, video_editing


class VisualCondition(Protocol):
    @property
    def hybrid(self) -> float | None:
        """Part of the steps that see the whole video (Eq. 4); None where there is none."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the model works at, pixels."""
        ...

    def key(self, window: Window, variant: Variant) -> str:
        """The same for windows that are shown the same: letters, digits and hyphens."""
        ...

    def condition(self, vae: VideoEncoder, window: Window, variant: Variant) -> Tensor:
        """What a window is shown, encoded: [1 20 t h/8 w/8] on the CPU; of "source" what pinning keeps."""
        ...

    def close(self) -> None:
        """Let go of what the last window left in memory."""
        ...


@dataclass(frozen=True)
class WindowConditions:
    """The condition of each window, encoded when it is first asked for and kept."""

    visual: VisualCondition
    vae: VideoEncoder
    plan: WindowPlan
    kept: MutableMapping[str, Tensor] = field(default_factory=dict)  # by `VisualCondition.key`
    hidden: VisualCondition | None = None  # what the null branch is given instead, if it is to

    def of(self, unit: Unit) -> Tensor:
        return self.kept[self.name_of(unit)]

    def name_of(self, unit: Unit) -> str:
        """The same for units that are shown the same."""
        visual = self.hidden if self.hidden is not None and self.drops_picture(unit) else self.visual
        return self._encoded(visual, unit.window, unit.variant)

    def source_of(self, window: Window) -> Tensor:
        """What pinning keeps of the window's own video."""
        return self.kept[self._encoded(self.visual, window, "source")]

    def drops_picture(self, unit: Unit) -> bool:
        return self.hidden is not None and unit.branch == "null"

    def encode_all(
        self, variants: Collection[Variant], callback: Callable[[int], None] | None = None
    ) -> None:
        """Those that are not kept yet. `callback` gets how many windows are done, and may raise to cancel."""
        try:
            for window in self.plan.windows:
                for visual, variant in self._seen(variants):
                    self._encoded(visual, window, variant)
                if callback is not None:
                    callback(window.index + 1)
        finally:
            self.visual.close()

    def keys(self, variants: Collection[Variant]) -> set[str]:
        """What `encode_all` keeps."""
        return {
            visual.key(window, variant)
            for window in self.plan.windows
            for visual, variant in self._seen(variants)
        }

    def _seen(self, variants: Collection[Variant]) -> list[tuple[VisualCondition, Variant]]:
        seen: list[tuple[VisualCondition, Variant]] = [(self.visual, variant) for variant in variants]
        return seen if self.hidden is None else [*seen, (self.hidden, "video")]

    def _encoded(self, visual: VisualCondition, window: Window, variant: Variant) -> str:
        key = visual.key(window, variant)
        if key not in self.kept:
            self.kept[key] = visual.condition(self.vae, window, variant)
        return key


@dataclass(frozen=True, eq=False)
class Animation:
    """A picture [h w 3] in 0..1 at the model's size; without one the prompt alone decides."""

    picture: Tensor | None
    width: int  # pixels
    height: int
    hybrid: None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def key(self, window: Window, variant: Variant) -> str:
        """Windows of one length are all shown the same."""
        return f"{'nothing' if self.picture is None else 'picture'}-{window.length}"

    def condition(self, vae: VideoEncoder, window: Window, variant: Variant) -> Tensor:
        frames = frames_of(window.length)
        if self.picture is None:
            return no_picture(vae, frames, self.height, self.width)
        return image_animation(vae, self.picture, frames)

    def close(self) -> None:
        pass


@dataclass(frozen=True, eq=False)
class Footing:
    """The video as it is, where frames are generated at another rate than its own."""

    source: Frames
    region: Region
    timeline: Timeline


@dataclass(frozen=True, eq=False)
class VideoEdit:
    """A video, whose last frame lasts for ever, and the region of it to regenerate. Windows that are encoded in
    their order read both once, and no more of them than one window is held."""

    source: Frames
    region: Region  # of the source's size
    size: tuple[int, int]  # width and height that the model works at
    hybrid: float = 0.2
    footing: Footing | None = field(default=None, compare=False)

    @classmethod
    def at_rate(cls, generated: Timeline, shown: Footing, size: tuple[int, int], hybrid: float) -> VideoEdit:
        """The frames of a video at the times of those that are generated."""
        footage = Timeline(len(shown.source), shown.timeline.fps)
        indices = frames_at(generated, footage)
        return cls(at_frames(shown.source, indices), at_frames(shown.region, indices), size, hybrid, shown)

    def key(self, window: Window, variant: Variant) -> str:
        return f"{variant}-{window.start}-{window.length}"

    def condition(self, vae: VideoEncoder, window: Window, variant: Variant) -> Tensor:
        first, length = first_frame(window.start), frames_of(window.length)
        if variant == "first":
            return image_animation(vae, self._frames(first), length)
        holes = torch.stack(self._holes.run(first, length))
        encoded = pinned_source if variant == "source" else video_editing
        return encoded(vae, torch.stack(self._frames.run(first, length)), holes)

    def frame(self, index: int) -> Tensor:
        """One of the source at the model's size, [h w 3]; going forward, the source is read once."""
        return self._source(index)

    def close(self) -> None:
        self._frames.close()
        self._holes.close()

    @cached_property
    def _frames(self) -> Reader:
        return Reader(self.source, self._fit.apply)

    @cached_property
    def _source(self) -> Reader:
        return Reader(self.source, self._fit.apply)

    @cached_property
    def _holes(self) -> Reader:
        return Reader(TruncatedFrames(self.region, len(self.source)), self._scaled_hole)

    @property
    def _fit(self) -> Fit:
        return Fit(self.source.size, self.size, self.size)

    def _scaled_hole(self, mask: Tensor) -> Tensor:
        """A pixel is regenerated where any of its source pixels is."""
        return adaptive_max_pool2d((mask > 0.5).float()[None], self.size[::-1])[0]
