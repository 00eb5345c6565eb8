"""What a video is finished with: its length, the colours to keep, and the video that lies under an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from torch import Tensor

from ..skyreels_core.errors import InputError
from ..skyreels_core.evaluation.continuity import ContinuityMeter, parts
from ..skyreels_core.media.compositing import USED_PART, Changed, fitted, place_back
from ..skyreels_core.media.footage import Cut, Frames, Reader, following, lasting
from ..skyreels_core.media.reading import Fit, fit
from ..skyreels_core.media.region import Region, check_region
from ..skyreels_core.media.sound import Audio
from ..skyreels_core.timeline import SPATIAL, Timeline, frames_of
from ..skyreels_core.windows import WindowPlan
from .host.footage import footage_of, rate_of
from .tensors import to_frames, to_region

Reference = Callable[[int], Tensor]  # the picture whose colours a frame should have


def size_of(latents: Tensor) -> tuple[int, int]:
    """Width and height in pixels."""
    return latents.shape[4] * SPATIAL, latents.shape[3] * SPATIAL


def spoken_frames(latents: Tensor, voice: Audio, fps: float) -> tuple[Timeline, list[str]]:
    """As long as the shorter of latents [1 16 t h w] and voice, and what is cut."""
    made, spoken = frames_of(latents.shape[2]), Timeline.from_seconds(voice.seconds, fps)
    if made > spoken.frames:
        return spoken, [f"{made - spoken.frames} frames after the voice's end are cut."]
    timeline = Timeline(made, fps)
    spare = voice.seconds - timeline.seconds
    return timeline, [f"The voice's last {spare:.2f} s, without a frame, are cut."] if spare > 0 else []


def under_edit(source, fps: float) -> tuple[Frames | None, float, list[str]]:
    """The video that was edited, if one is wired; the frames per second of the result, and what to say of them."""
    if source is None:
        return None, fps, []
    footage = footage_of(source)
    return footage, *rate_of(footage, fps)


@dataclass(frozen=True)
class Edited:
    """The video of a lip-sync, which stays as it was outside the mask."""

    source: Frames
    region: Region
    feather: int | None  # pixels
    changed: Changed = field(default_factory=Changed)

    @classmethod
    def of(
        cls, source: Frames | None, mask: Tensor | Region | None, feather: int, timeline: Timeline
    ) -> Edited | None:
        """Of what is wired; None where nothing is. Raises InputError for what does not belong together."""
        if source is None and mask is None:
            return None
        if source is None or mask is None:
            given, missing = (
                ("mask", "source, the video that was edited") if source is None else ("source", "mask")
            )
            raise InputError(f"A {given} is connected and no {missing}. Connect both, or neither.")
        region = following(to_region(mask), source)
        check_region(region, Cut(source, timeline.frames), USED_PART)
        return cls(source, region, None if feather < 0 else feather)

    def placed(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        return place_back(frames, self.source, self.region, self.feather, self.changed)

    def masks(self) -> Iterator[Tensor]:
        """Of each frame, the last one for ever."""
        return lasting(Cut(self.region, len(self.source)).stream())

    def colours(self, size: tuple[int, int]) -> Reference:
        return Reader(self.source, Fit(self.source.size, size, size).apply)

    def report(self, size: tuple[int, int], frames: int) -> list[str]:
        return [*fitted(size, frames, self.source), str(self.changed)]


def unifying(
    reference: Tensor | None, edited: Edited | None, size: tuple[int, int]
) -> tuple[Reference | None, list[str]]:
    """The colours to keep: of an IMAGE, else of the video under the edit; None is the first frame's."""
    if reference is None:
        return edited and edited.colours(size), []
    pictures, done = fit(to_frames(reference), *size)
    picture = pictures.mean(0)
    return lambda frame: picture, [f"Reference: {done}."]


def metering(
    plan: WindowPlan | None, timeline: Timeline, reference: Reference | None, edited: Edited | None
) -> ContinuityMeter:
    """What measures the finished frames: window by window, or, where no plan came with the latent, in parts."""
    masks = edited and edited.masks()
    if plan is None:
        return ContinuityMeter(parts(timeline.frames, timeline.fps), (), timeline.fps, reference, masks)
    return ContinuityMeter.of(plan, timeline.fps, reference, masks)


def ticking(frames: Iterable[Tensor], tick: Callable[[int], None]) -> Iterator[Tensor]:
    for index, frame in enumerate(frames):
        tick(index)
        yield frame
