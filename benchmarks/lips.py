"""Do the lips of real people follow their voice, by the measure that needs no network?

Of each clip: is the correlation at the own voice larger than at that voice shifted, and at the other clips' voices?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyreels_core.evaluation.metrics.lips import follow, lip_gap, pooled, voice_level

from .real_clips import RealClip, keypoints, real_clips
from .record import Record


@dataclass(frozen=True, eq=False)
class Spoken:
    gap: NDArray  # [f]
    voice: NDArray  # [f]

    @classmethod
    def of(cls, clip: RealClip) -> Spoken:
        gap, voice = lip_gap(keypoints(clip.points, clip.video.size)), clip.video.audio
        assert gap is not None and voice is not None, f"{clip.name} has no lips, or no sound"
        return cls(gap, voice_level(voice, len(gap), clip.video.fps))


def run(record: Record) -> None:
    spoken = [Spoken.of(clip) for clip in real_clips()]
    own, foreign = [], []
    for one in spoken:
        others = [np.resize(other.voice, len(one.gap)) for other in spoken if other is not one]
        own.append(follow(one.gap, one.voice))
        foreign.append(follow(one.gap, one.voice, others).p)
    record["clips"] = len(spoken)
    record["r"] = sorted(found.r for found in own)
    record["chance"] = float(np.median([found.chance for found in own]))
    record["p_shifted"] = pooled([found.p for found in own])
    record["p_with_other_voices"] = pooled(foreign)
