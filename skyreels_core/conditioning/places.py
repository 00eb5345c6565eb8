"""Where the masked faces are in each frame of a video, for a box around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..media.region import Region
from .faces import FaceRegion
from .lower_face import BOTTOM, HALF_WIDTH, TOP

# In units of a face's size s, as the lower-face box is. From the hair to the chin of an open mouth a face is 4.4 high
# and 3.2 wide, its mouth 0.8 to 1.2 (six people).
WIDTH = 4.4  # of the box around a face
BELOW_NOSE = 0.5  # the middle of that box


@dataclass(frozen=True, eq=False)
class Places:
    middles: np.ndarray  # [f 2] of the box around the faces, pixels; NaN where there is none
    sizes: np.ndarray  # [f], s in pixels; of several faces that of a face as wide as all
    masked: np.ndarray  # [f 4]: left, top, right, bottom of the mask

    @classmethod
    def of_faces(cls, region: FaceRegion) -> Places:
        nose, sizes, right = region.rigid[..., :2], region.rigid[..., 2:3], region.rigid[..., 3:]
        down = np.stack([-right[..., 1], right[..., 0]], axis=-1)
        middles = nose + BELOW_NOSE * sizes * down
        low = np.fmin.reduce(middles - WIDTH / 2 * sizes)  # over the faces; NaN only where there is none
        high = np.fmax.reduce(middles + WIDTH / 2 * sizes)
        corners = region.outlines
        masked = np.fmin.reduce(corners.min(2)), np.fmax.reduce(corners.max(2))
        return cls((low + high) / 2, (high - low).max(1) / WIDTH, np.concatenate(masked, axis=1))

    @classmethod
    def of_masks(cls, masks: Region, frames: int) -> Places:
        """The mask is taken for that of an upright face. A single one is for all frames."""
        masked = np.full((frames, 4), np.nan)
        for index, mask in zip(range(frames), masks.stream(), strict=False):
            masked[index] = _bounds(mask)
        if len(masks) == 1:
            masked[:] = masked[0]
        width, height = (masked[:, 2:] - masked[:, :2]).T
        sizes = np.maximum(width / (2 * HALF_WIDTH), height / (BOTTOM - TOP))
        middles = (masked[:, :2] + masked[:, 2:]) / 2
        middles[:, 1] -= ((TOP + BOTTOM) / 2 - BELOW_NOSE) * sizes
        return cls(middles, sizes, masked)

    def within(self, span: slice) -> Places:
        return Places(self.middles[span], self.sizes[span], self.masked[span])


def _bounds(mask: Tensor) -> list[float]:
    white = mask > 0.5
    rows, columns = white.any(1).nonzero().flatten(), white.any(0).nonzero().flatten()
    if not len(rows):
        return [np.nan] * 4
    return [float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1]
