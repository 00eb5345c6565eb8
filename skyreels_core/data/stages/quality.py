"""The picture: size, blur, black bars, light, and whether anything moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .shot import Shot
from .stage import Rule, Ruled, Tools, Values

LONGEST = 512  # pixels of what is looked at
SMOOTHED = 9  # pixels of the filter that a sharp edge does not survive
BLACK = 0.06  # luma of a bar
SMALL = 64  # pixels of the picture in which changes are looked for


class Quality(Ruled):
    name: ClassVar = "quality"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {
        "side": float, "fps": float, "blur": float, "bars": float, "light": float, "change": float,
    }  # fmt: skip
    rules: ClassVar[Sequence[Rule]] = (
        Rule("side", "least_side", "too small"),
        Rule("fps", "least_fps", "too few frames a second"),
        Rule("blur", "most_blur", "blurred"),
        Rule("bars", "most_bars", "black bars"),
        Rule("light", "least_light", "too dark"),
        Rule("light", "most_light", "too bright"),
        Rule("change", "least_change", "a still picture"),
    )

    def measure(self, shot: Shot, tools: Tools) -> Values:
        blur, light, changes, last = [], [], [], None
        rows, columns = np.zeros(shot.size[1]), np.zeros(shot.size[0])
        for _, frame in shot.sampled():
            luma = luma_of(frame)
            rows, columns = np.maximum(rows, luma.max(1)), np.maximum(columns, luma.max(0))
            blur.append(blur_effect(shrunk(luma)))
            light.append(float(luma.mean()))
            small = cv2.resize(luma, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
            if last is not None:
                changes.append(float(np.abs(small - last).mean()))
            last = small
        return {
            "side": float(min(shot.size)),
            "fps": shot.fps,
            "blur": float(np.median(blur)),
            "bars": 1 - lit(rows) * lit(columns),
            "light": float(np.mean(light)),
            "change": float(np.median(changes)) if changes else None,
        }


def luma_of(frame: Tensor) -> NDArray:
    """[h w 3] in 0..1 -> [h w]"""
    return cv2.cvtColor(frame.cpu().numpy(), cv2.COLOR_RGB2GRAY)


def shrunk(luma: NDArray) -> NDArray:
    scale = LONGEST / max(luma.shape)
    return luma if scale >= 1 else cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def blur_effect(luma: NDArray) -> float:
    """0 sharp to 1 blurred: how little the differences between neighbours shrink when the picture is smoothed
    (Crete, Dolmiere, Ladret and Nicolas 2007); of the two directions, the more blurred one."""
    found = []
    for axis, kernel in ((0, (1, SMOOTHED)), (1, (SMOOTHED, 1))):
        before = np.abs(np.diff(luma, axis=axis))
        after = np.abs(np.diff(cv2.blur(luma, kernel), axis=axis))
        total = before.sum()
        found.append(float((total - np.maximum(before - after, 0).sum()) / total) if total else 1.0)
    return max(found)


def lit(brightest: NDArray) -> float:
    """The share of rows, or of columns, between the first and the last that is ever lit."""
    seen = np.flatnonzero(brightest > BLACK)
    return (seen[-1] - seen[0] + 1) / len(brightest) if len(seen) else 0.0
