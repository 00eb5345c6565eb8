"""Clips of drawn faces to train on."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..conditioning.faces import face_masks
from ..conditioning.pose import Keypoints
from ..training.clips import Clip
from .curves import MouthCurves, mouth_curves
from .faces import Identity, Motion, draw_face
from .voices import recording


@dataclass(frozen=True)
class DrawnClips:
    """Drawn faces that speak with espeak-ng voices. `unseen` ones share no voice and no sentence with the others."""

    clips: int
    frames: int
    size: int  # pixels a side
    fps: float
    seed: int
    clips_per_voice: int = 4
    unseen: bool = False

    def __len__(self) -> int:
        return self.clips

    def captions(self) -> list[str]:
        return [self._identity(index).caption for index in range(self.clips)]

    def clip(self, index: int) -> Clip:
        samples = _recording(self.seed * 100_000 + index // self.clips_per_voice, self.unseen)
        rng = np.random.default_rng([self.seed, index, self.unseen])
        total = int(len(samples) / 16000 * self.fps)
        first = 0 if rng.random() < 0.1 else int(rng.integers(0, total - self.frames))
        curves = mouth_curves(samples, total, self.fps)
        motion = Motion.draw(rng, curves, self.fps).slice(first, self.frames)
        face = draw_face(self._identity(index), motion, curves.slice(first, self.frames), self.size)
        masks = face_masks(Keypoints.of_one_face(face.landmarks, self.size, self.size), self.fps)
        caption = self._identity(index).caption
        return Clip(face.frames, self.fps, samples, first, caption, masks.boxes, masks.lips)

    def curves(self, index: int) -> MouthCurves:
        """The curves that drive clip `index`."""
        clip = self.clip(index)
        total = clip.first_frame + self.frames
        return mouth_curves(clip.samples, total, self.fps).slice(clip.first_frame, self.frames)

    def _identity(self, index: int) -> Identity:
        return Identity.draw(random.Random(f"face {self.seed} {index} {self.unseen}"))


@functools.lru_cache(maxsize=2)
def _recording(seed: int, unseen: bool) -> Tensor:
    return recording(seed, random.Random(seed).uniform(6, 29), unseen)
