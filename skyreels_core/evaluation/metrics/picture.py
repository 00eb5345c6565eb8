"""What the pictures themselves look like: sharpness and flicker. Neither needs weights or a reference."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ...media.colour import rgb_to_lab
from .metric import HIGHER, LOWER, Clip, Figure, Measured, Needs
from .weights import Weights

LUMA = torch.tensor([0.299, 0.587, 0.114])
CELLS = 16  # on a side, whose lightness is followed


class Sharpness:
    """The deviation of the Laplacian of luma in 0..255. Compare videos of one size: it grows with noise too."""

    name: ClassVar[str] = "sharpness"
    figures: ClassVar = (Figure("sharpness", "of 255", HIGHER),)
    needs: ClassVar[Needs] = Needs()

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> SharpnessMeter:
        return SharpnessMeter()


class SharpnessMeter:
    def __init__(self) -> None:
        self.total, self.frames = 0.0, 0

    def add(self, frame: Tensor) -> None:
        self.total += float(cv2.Laplacian(luma(frame), cv2.CV_32F).std())
        self.frames += 1

    def result(self) -> Measured:
        return Measured({"sharpness": self.total / max(self.frames, 1)})


class Flicker:
    """How far the lightness of 16x16 cells jumps to and fro: the mean distance of each frame from the middle between
    its neighbours, in L of CIELAB. Steady movement and slow fading leave no trace."""

    name: ClassVar[str] = "flicker"
    figures: ClassVar = (Figure("flicker", "L of CIELAB", LOWER),)
    needs: ClassVar[Needs] = Needs()

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> FlickerMeter:
        return FlickerMeter()


class FlickerMeter:
    def __init__(self) -> None:
        self.last: list[Tensor] = []
        self.total, self.count = 0.0, 0

    def add(self, frame: Tensor) -> None:
        small = adaptive_avg_pool2d(frame[..., :3].permute(2, 0, 1), CELLS).permute(1, 2, 0)
        self.last = [*self.last[-2:], rgb_to_lab(small)[..., 0]]
        if len(self.last) == 3:
            before, here, after = self.last
            self.total += float((here - (before + after) / 2).abs().mean())
            self.count += 1

    def result(self) -> Measured:
        if not self.count:
            return Measured(note="the clip is shorter than 3 frames")
        return Measured({"flicker": self.total / self.count})


def luma(frame: Tensor) -> NDArray[np.float32]:
    """[h w] in 0..255"""
    return (frame[..., :3] @ LUMA * 255).numpy()
