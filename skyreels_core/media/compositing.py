"""An edit put back into the video it was made from, and how much of the rest it changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from .footage import Frames, InMemoryFrames, TruncatedFrames, lasting
from .reading import Fit
from .region import Region, check_region, feather

FEATHER = 1 / 32  # of the shorter side
USED_PART = "used part of the source"


def composite(original: Tensor, generated: Tensor, mask: Tensor) -> Tensor:
    """Generated frames inside the feathered mask, the original's own values, bit for bit, where it is 0.

    original, generated: [... h w 3] in 0..1; mask: [... h w] in 0..1, 1 = generated.
    Raises InputError when the three differ in length or size.
    """
    _check_shapes(original, generated, mask)
    weight = mask[..., None]
    return torch.where(weight == 0, original, original * (1 - weight) + generated * weight)


class Layers(NamedTuple):
    """One frame of the source [h w 3], what was made for it at the same size, and the feathered mask [h w]."""

    original: Tensor
    made: Tensor
    weight: Tensor


def layers(
    made: Iterable[Tensor], source: Frames, region: Region, pixels: int | None = None
) -> Iterator[Layers]:
    """Frames [h w 3] of any size over those of the source, read in step; its last one, and its mask, last for ever.

    region: of the source's size, feathered over `pixels` of the source, by default 1/32 of its shorter side.
    """
    pixels = max(1, round(FEATHER * min(source.size))) if pixels is None else pixels
    originals, masks = lasting(source.stream()), lasting(TruncatedFrames(region, len(source)).stream())
    for frame, original, mask in zip(scale_to(made, *source.size), originals, masks, strict=False):
        yield Layers(original, frame, feather(mask[None], pixels)[0])


def place_back(
    made: Iterable[Tensor],
    source: Frames,
    region: Region,
    pixels: int | None = None,
    changed: Changed | None = None,
) -> Iterator[Tensor]:
    """`layers` joined: where the feathered mask is 0 the source is unchanged. `changed` is called for every frame."""
    for layer in layers(made, source, region, pixels):
        frame = composite(*layer)
        if changed is not None:
            changed.add(layer, frame)
        yield frame


def measured_only(made: Iterable[Layers], changed: Changed) -> Iterator[Tensor]:
    """The generated frames as they are; `changed` is told what putting them back would do."""
    for layer in made:
        changed.add(layer, composite(*layer))
        yield layer.made


def blended(made: Iterable[Tensor], places: Iterable[tuple[int, float]]) -> Iterator[Tensor]:
    """Frames between those that were made: of each place the frame before it, and the share of the next one."""
    frames, index = iter(made), 0
    frame = next(frames)
    after = next(frames, frame)
    for before, share in places:
        while index < before:
            frame, after, index = after, next(frames, after), index + 1
        yield torch.lerp(frame, after, share) if share else frame


def scale_to(frames: Iterable[Tensor], width: int, height: int) -> Iterator[Tensor]:
    """Frames [h w 3], stretched to one size."""
    for frame in frames:
        yield Fit((frame.shape[1], frame.shape[0]), (width, height), (width, height)).apply(frame)


@dataclass(frozen=True)
class OutsideError:
    """What an edit changed where it should change nothing."""

    largest: float  # absolute difference, frames being 0..1
    psnr: float  # dB, infinite where nothing changed

    def __str__(self) -> str:
        if self.largest == 0:
            return "outside the mask nothing changed"
        return f"outside the mask the largest change is {self.largest:.4f} of 1, PSNR {self.psnr:.1f} dB"


def outside_error(original: Tensor, edited: Tensor, mask: Tensor) -> OutsideError:
    """Compare [f h w 3] frames where the mask [f h w] is 0. Raises InputError when shapes differ."""
    _check_shapes(original, edited, mask)
    meter = OutsideMeter()
    for frames in zip(original, edited, mask, strict=True):
        meter.add(*frames)
    return meter.error()


class OutsideMeter:
    """`outside_error` of frames that come one by one."""

    def __init__(self):
        self.largest, self.squares, self.values = 0.0, 0.0, 0

    def add(self, original: Tensor, edited: Tensor, mask: Tensor) -> None:
        _check_shapes(original, edited, mask)
        difference = (edited - original)[mask == 0].double()
        self.largest = max(self.largest, float(difference.abs().max())) if len(difference) else self.largest
        self.squares += float(difference.square().sum())
        self.values += difference.numel()

    def merge(self, other: OutsideMeter) -> None:
        self.largest = max(self.largest, other.largest)
        self.squares += other.squares
        self.values += other.values

    def error(self) -> OutsideError:
        if self.largest == 0:
            return OutsideError(0.0, math.inf)
        return OutsideError(self.largest, -10 * math.log10(self.squares / self.values))


class Changed:
    """What lies outside the mask of frames that come one by one, as they were made and as they were composited."""

    def __init__(self) -> None:
        self.made, self.composited = OutsideMeter(), OutsideMeter()

    def add(self, layer: Layers, composited: Tensor) -> None:
        self.made.add(*layer)
        self.composited.add(layer.original, composited, layer.weight)

    def __str__(self) -> str:
        return f"Generated: {self.made.error()}; composited: {self.composited.error()}."


@dataclass(frozen=True)
class Composited:
    frames: Tensor  # [f h w 3]
    changed: Changed
    fitted: tuple[str, ...]  # changes of size and length, in sentences

    def __str__(self) -> str:
        return "\n".join((*self.fitted, str(self.changed)))


def composite_clip(
    made: Tensor,
    source: Tensor,
    mask: Tensor,
    pixels: int | None = None,
    callback: Callable[[int], None] | None = None,
) -> Composited:
    """`place_back` of a whole clip, and what it changed; `callback` is called for every frame and may raise to cancel.

    Raises InputError for a mask that is not of the source's size, or has too few frames.
    """
    shown, region, changed = InMemoryFrames(source), InMemoryFrames(mask), Changed()
    check_region(region, TruncatedFrames(shown, len(made)), USED_PART)
    frames = source.new_empty(len(made), *source.shape[1:])
    for index, frame in enumerate(place_back(made, shown, region, pixels, changed)):
        frames[index] = frame
        if callback is not None:
            callback(index)
    return Composited(frames, changed, tuple(fitted(InMemoryFrames(made).size, len(made), shown)))


def fitted(size: tuple[int, int], length: int, source: Frames) -> Iterator[str]:
    """What is done to generated frames of this size and length over a source, in sentences."""
    if size != source.size:
        yield f"Generated frames: {Fit(size, source.size, source.size)}."
    if length > len(source):
        yield f"The source's last frame is repeated for {length - len(source)} of {length} frames."
    if length < len(source):
        yield f"Of the source's {len(source)} frames, {length} are used."


def _check_shapes(original: Tensor, generated: Tensor, mask: Tensor) -> None:
    if not original.shape == generated.shape == (*mask.shape, 3):
        raise InputError(
            f"The original is {tuple(original.shape)}, the edit {tuple(generated.shape)} and the mask "
            f"{tuple(mask.shape)}: the same frames, height and width are needed. Fit all to one size first."
        )
