"""Pictures that the demo's VAE learns from: drawn here, or of any other material that gives them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from ..conditioning.pose import LEFT_EYE, OUTER_LIP, RIGHT_EYE
from ..errors import InputError
from .curves import MouthCurves
from .faces import DrawnFace, Identity, Motion, draw_face

EYE_WEIGHT = 3.0


@dataclass(frozen=True, eq=False)
class Footage:
    """Frames that follow one another."""

    frames: Tensor  # [f h w 3] in 0..1
    weight: Tensor  # [f h w], of each pixel in the loss
    mouth: Tensor  # x and y of its centre in the first frame, pixels


class Material(Protocol):
    """Where the VAE's pictures come from."""

    @property
    def size(self) -> int:
        """Pixels on a side of a usual picture."""
        ...

    def clips(
        self, seeds: Sequence[int], frames: int, mouth: float, size: tuple[int, int] | None = None
    ) -> list[Footage]:
        """One clip for each seed, of `size` (height, width) or the usual one; the mouth counts `mouth` more."""
        ...


@dataclass(frozen=True)
class DrawnFaces:
    """Faces that are drawn when they are asked for, babbling."""

    size: int
    fps: float

    def clips(
        self, seeds: Sequence[int], frames: int, mouth: float, size: tuple[int, int] | None = None
    ) -> list[Footage]:
        height, width = size or (self.size, self.size)
        if height != width:
            raise InputError(
                f"Drawn faces are square; the recipe asks for {width}x{height}. Give equal sides."
            )
        faces = [self._face(seed, frames, height) for seed in seeds]
        return [
            Footage(
                f.frames, detail_weight(f.landmarks, height, width, mouth), f.landmarks[0, OUTER_LIP].mean(0)
            )
            for f in faces
        ]

    def _face(self, seed: int, frames: int, size: int) -> DrawnFace:
        rng = np.random.default_rng(seed)
        lead = int(rng.integers(0, 8))
        curves = _babble(rng, frames + lead, self.fps)
        motion = Motion.draw(rng, curves, self.fps).slice(lead, frames)
        return draw_face(Identity.draw(random.Random(seed)), motion, curves.slice(lead, frames), size)


def _babble(rng: np.random.Generator, frames: int, fps: float) -> MouthCurves:
    """Mouth curves with the tempo of speech and no voice behind them."""
    noise = [
        gaussian_filter1d(rng.standard_normal(frames + 60), s * fps)[30:-30]
        for s in rng.uniform(0.05, 0.09, 2)
    ]
    opening, width = (n / (n.std() + 0.2) * 0.4 + rng.uniform(0.2, 0.6) for n in noise)
    return MouthCurves(*(c.clip(0, 1).astype(np.float32) for c in (opening, width)))


def detail_weight(landmarks: Tensor, height: int, width: int, mouth: float) -> Tensor:
    """Loss weight per pixel [f h w] of landmarks [f 68 2]: 1, `mouth` more around the mouth and 3 more at the eyes."""
    across, down = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    weight = torch.ones(len(landmarks), height, width)
    for part, reach, extra in (
        (OUTER_LIP, 1.3, mouth),
        *((eye, 1.8, EYE_WEIGHT) for eye in (RIGHT_EYE, LEFT_EYE)),
    ):
        points = landmarks[:, part]
        centre, half = points.mean(1), (points.amax(1) - points.amin(1)) / 2 * reach + 2
        x = ((across - centre[:, :1]) / half[:, :1]).square()[:, None, :]
        y = ((down - centre[:, 1:]) / half[:, 1:]).square()[:, :, None]
        weight = torch.maximum(weight, 1 + extra * torch.exp(-((x + y) ** 2)))
    return weight
