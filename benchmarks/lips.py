"""Do the lips of real people follow their voice, by the measure that needs no network?

Of each clip: is the correlation at the own voice larger than at that voice shifted, and at the other clips' voices?
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skyreels_core.api.evaluation import LANDMARKS, VIDEOS, matching
from skyreels_core.evaluation.metrics.landmark_files import read_landmarks
from skyreels_core.evaluation.metrics.lips import follow, lip_gap, pooled, voice_level
from skyreels_core.media.footage import open_video

from . import material
from .record import Record


@dataclass(frozen=True, eq=False)
class Spoken:
    gap: NDArray  # [f]
    voice: NDArray  # [f]

    @classmethod
    def read(cls, path: Path, landmarks: Path) -> Spoken:
        video = open_video(path)
        gap, voice = lip_gap(read_landmarks(landmarks, video)), video.audio
        assert gap is not None and voice is not None, f"{path.name} has no lips, or no sound"
        return cls(gap, voice_level(voice, len(gap), video.fps))


def run(record: Record) -> None:
    assert material.CLIPS is not None  # checked before
    files = [path for path in sorted(material.CLIPS.glob("*")) if path.suffix.lower() in VIDEOS]
    pairs = [(path, matching(material.CLIPS, path, LANDMARKS)) for path in files]
    spoken = [Spoken.read(path, landmarks) for path, landmarks in pairs if landmarks is not None]
    own, foreign = [], []
    for one in spoken:
        others = [_as_long(other.voice, len(one.gap)) for other in spoken if other is not one]
        own.append(follow(one.gap, one.voice))
        foreign.append(follow(one.gap, one.voice, others).p)
    record["clips"] = len(spoken)
    record["r"] = sorted(found.r for found in own)
    record["chance"] = float(np.median([found.chance for found in own]))
    record["p_shifted"] = pooled([found.p for found in own])
    record["p_with_other_voices"] = pooled(foreign)


def _as_long(values: NDArray, length: int) -> NDArray:
    return np.resize(values, length)
