"""How like its reference a picture looks, from the layout of its colours.

A picture is laid out in 8x8 cells of LAB colour, as in MPEG-7's colour layout descriptor, and compared by Lin's
concordance correlation (Biometrics 45, 1989): 1 is the same, 0 has nothing in common. It sees hair, skin, clothes and
background, and where they are. It does not recognise faces: who walks or turns scores lower, and two people of the same
colours in the same place score high.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d

from ..media.colour import rgb_to_lab, thinned

MINIATURE = 64  # cells on a side of what is kept of a picture
LAYOUT = 8  # cells on a side of what is compared

Reference = Callable[[int], Tensor]  # a frame's index -> the picture [h w 3] that it should be like
Place = tuple[slice, slice]  # rows and columns of a miniature
EVERYWHERE: Place = (slice(None), slice(None))


def miniature(seen: Tensor) -> Tensor:
    """A picture [h w 3] as LAB [64 64 3]."""
    return rgb_to_lab(adaptive_avg_pool2d(seen.permute(2, 0, 1), MINIATURE).permute(1, 2, 0))


def layout(miniature: Tensor) -> Tensor:
    """A miniature, or a part of one, as the colours of 8x8 cells, [64 3]."""
    return adaptive_avg_pool2d(miniature.permute(2, 0, 1), LAYOUT).flatten(1).T


def box_around(inside: Tensor) -> Place | None:
    """Where a mask [h w] lies in a miniature; None for an empty one."""
    cells = adaptive_max_pool2d((inside > 0.5).float()[None], MINIATURE)[0] > 0
    rows, columns = (cells.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if rows else None


def likeness(layout: Tensor, reference: Tensor) -> float:
    """Lin's concordance correlation of two colour layouts [n 3], over all cells and channels."""
    means = layout.mean(0), reference.mean(0)
    deviations = layout - means[0], reference - means[1]
    together = (deviations[0] * deviations[1]).mean(0).sum()
    apart = sum(d.square().mean(0).sum() for d in deviations) + (means[0] - means[1]).square().sum()
    return float(2 * together / apart) if apart > 0 else 1.0


class WatchedReference:
    """A reference that keeps a miniature of each picture it was asked for, until the frame has passed."""

    def __init__(self, picture_of: Reference) -> None:
        self.picture_of = picture_of
        self.last: tuple[Tensor, Tensor] | None = None  # a picture and its miniature
        self.seen: dict[int, Tensor] = {}

    def __call__(self, frame: int) -> Tensor:
        picture = self.picture_of(frame)
        if self.last is None or self.last[0] is not picture:
            self.last = picture, miniature(thinned(picture))
        self.seen[frame] = self.last[1]
        return picture

    def miniature(self, frame: int) -> Tensor:
        if frame not in self.seen:
            self(frame)
        return self.seen.pop(frame)
