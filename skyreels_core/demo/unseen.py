"""Drawn faces that training never met, with any voice."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..conditioning.faces import face_masks
from ..conditioning.pose import Keypoints
from ..media.sound import Audio
from ..timeline import Timeline
from .curves import MouthCurves, mouth_curves
from .faces import Identity, Motion, draw_face

# Far from the seeds of training.
SEED = 77_000
FPS, SIZE = 25.0, 96


@dataclass(frozen=True)
class Example:
    """A drawn clip with its voice: what a perfect model would make of its first frame and the voice."""

    caption: str
    frames: Tensor  # [f h w 3]
    boxes: Tensor  # [f h w]
    eyes: Tensor  # [h w], around both eyes of the first frame
    voice: Audio
    curves: MouthCurves
    landmarks: Tensor | None = None  # [f 68 2], pixels


def drawn(index: int, samples: Tensor) -> Example:
    """Unseen face `index` with any voice [n] at 16 kHz."""
    timeline = Timeline.from_seconds(len(samples) / 16000, FPS)
    curves = mouth_curves(samples, timeline.frames, FPS)
    identity = Identity.draw(random.Random(f"unseen face {index}"))
    motion = Motion.draw(np.random.default_rng([SEED, index]), curves, FPS)
    face = draw_face(identity, motion, curves, SIZE)
    boxes = face_masks(Keypoints.of_one_face(face.landmarks, SIZE, SIZE), FPS).boxes
    eyes = torch.zeros(SIZE, SIZE)
    (left, top), (right, bottom) = (
        face.landmarks[0, 36:48].amin(0).int() - 3,
        face.landmarks[0, 36:48].amax(0).int() + 4,
    )
    eyes[top:bottom, left:right] = 1
    voice = Audio(samples[None], 16000)
    return Example(identity.caption, face.frames, boxes, eyes, voice, curves, face.landmarks)
