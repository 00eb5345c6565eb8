"""A box that follows something through the frames of a shot: cut out at another size, and put back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from .compositing import FEATHER, composite
from .footage import Frames, lasting
from .region import Region, feather
from .sound import Audio

LANCZOS_REACH = 3  # pixels of the coarser grid
STEP = 1 / 8  # pixels of the source: where a box that moves can lie

Bounds = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True, eq=False)
class CropPath:
    """A box of one size, frame by frame; the last frame's lasts for ever."""

    corners: np.ndarray  # [f 2], left and top in pixels of the source, multiples of STEP
    box: tuple[int, int]  # width and height, pixels of the source
    size: tuple[int, int]  # width and height that it is scaled to

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def moves(self) -> bool:
        return bool((self.corners != self.corners[0]).any())

    def bounds(self, index: int) -> Bounds:
        left, top = map(float, self.corners[min(index, len(self) - 1)])
        return left, top, left + self.box[0], top + self.box[1]

    def cut(self, frame: Tensor, index: int) -> Tensor:
        """[h w 3] -> the box of it, at `size`."""
        return lanczos(frame, self.bounds(index), self.size).clamp(0, 1)

    def cut_mask(self, mask: Tensor, index: int) -> Tensor:
        """[h w] -> 0 and 1 at `size`: 1 where any pixel of the source is."""
        rows, columns = _inside(self.bounds(index))
        holes = (mask[rows, columns] > 0.5).float()
        return adaptive_max_pool2d(holes[None], self.size[::-1])[0]

    def put_back(
        self, original: Tensor, made: Tensor, mask: Tensor | None, index: int, pixels: int | None = None
    ) -> Tensor:
        """The original [h w 3] with what was made of its box [H W 3], inside the feathered mask [h w]; every other
        pixel is the original's. None: in the whole box.

        The mask is feathered over `pixels` of the source, by default 1/32 of the box's shorter side, outwards; where
        it leaves the box, inwards from the box's edge.
        """
        rows, columns = rect = _inside(self.bounds(index))
        held, frame = original[rect], original.clone()
        back = self._scaled_back(made, original, index)
        if mask is None:
            frame[rect] = back
            return frame
        pixels = max(1, round(FEATHER * min(self.box))) if pixels is None else pixels
        weight = feather(mask[rect][None], pixels)[0]
        frame[rect] = composite(held, back, weight.minimum(_edges(rows, columns, mask.shape, pixels)))
        return frame

    def _scaled_back(self, made: Tensor, original: Tensor, index: int) -> Tensor:
        """A box that was enlarged for the model gets the little back that scaling it to and fro loses; one that was
        reduced is as sharp as the model's size."""
        left, top, _, _ = self.bounds(index)
        rows, columns = _inside(self.bounds(index))
        across, down = self.size[0] / self.box[0], self.size[1] / self.box[1]
        part = (columns.start - left, rows.start - top, columns.stop - left, rows.stop - top)
        bounds = (part[0] * across, part[1] * down, part[2] * across, part[3] * down)
        size = columns.stop - columns.start, rows.stop - rows.start
        back = lanczos(made, bounds, size)
        if across >= 1 and down >= 1:
            back = back + original[rows, columns] - lanczos(self.cut(original, index), bounds, size)
        return back.clamp(0, 1)


def lanczos(frame: Tensor, bounds: Bounds, size: tuple[int, int]) -> Tensor:
    """A part [h w c] of a frame at `size` (width, height), filtered so that nothing aliases."""
    left, top, right, bottom = bounds
    if (right - left, bottom - top) == size and left.is_integer() and top.is_integer():
        return frame[int(top) : int(bottom), int(left) : int(right)]
    rows = _reach(top, bottom, size[1], frame.shape[0])
    columns = _reach(left, right, size[0], frame.shape[1])
    part = frame[rows, columns].numpy()
    within = (left - columns.start, top - rows.start, right - columns.start, bottom - rows.start)
    planes = (Image.fromarray(np.ascontiguousarray(part[..., channel])) for channel in range(part.shape[2]))
    scaled = [np.asarray(plane.resize(size, Image.Resampling.LANCZOS, box=within)) for plane in planes]
    return torch.from_numpy(np.stack(scaled, axis=-1))


def _reach(first: float, last: float, length: int, side: int) -> slice:
    """The pixels that the filter reads."""
    reach = LANCZOS_REACH * max(1.0, (last - first) / length) + 1
    return slice(max(0, math.floor(first - reach)), min(side, math.ceil(last + reach)))


def _inside(bounds: Bounds) -> tuple[slice, slice]:
    """Rows and columns of the whole pixels in a box."""
    left, top, right, bottom = bounds
    return slice(math.ceil(top), math.floor(bottom)), slice(math.ceil(left), math.floor(right))


def _edges(rows: slice, columns: slice, shape: torch.Size, pixels: int) -> Tensor:
    """[h w]: 1 but for a ramp at the edges of a box, where they are not the frame's."""
    down, across = (_ramp(part, side, pixels) for part, side in zip((rows, columns), shape, strict=True))
    return down[:, None].minimum(across)


def _ramp(part: slice, side: int, pixels: int) -> Tensor:
    places = torch.arange(part.start, part.stop)
    before = places - part.start if part.start > 0 else torch.full_like(places, pixels)
    after = part.stop - 1 - places if part.stop < side else torch.full_like(places, pixels)
    return ((before.minimum(after) + 1) / (pixels + 1)).clamp(max=1)


@dataclass(frozen=True, eq=False)
class CroppedFrames:
    """`Footage` of a box in one shot of a video, at the size that the box is scaled to."""

    source: Frames
    first: int  # the shot's first frame
    path: CropPath
    fps: float
    audio: Audio | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.path.size

    def __len__(self) -> int:
        return len(self.path)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        frames = islice(self.source.stream(self.first + first), len(self) - first)
        for index, frame in enumerate(frames, first):
            yield self.path.cut(frame, index)


@dataclass(frozen=True, eq=False)
class CroppedRegion:
    """The same box of the masks of a video."""

    source: Region  # one for each frame, or one for all
    first: int
    path: CropPath

    @property
    def size(self) -> tuple[int, int]:
        return self.path.size

    def __len__(self) -> int:
        return len(self.path)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        masks = masks_from(self.source, self.first + first)
        for index, mask in enumerate(islice(masks, len(self) - first), first):
            yield self.path.cut_mask(mask, index)


def masks_from(region: Region, first: int) -> Iterator[Tensor]:
    """From one frame on, the last one for ever."""
    return lasting(region.stream(min(first, len(region) - 1)))
