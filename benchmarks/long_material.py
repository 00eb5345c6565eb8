"""Files of any length: a face and a voice that training never met, never more than a piece of them in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skyreels_core.audio.reading import write_wav
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints, to_pose_keypoint
from skyreels_core.demo.curves import MouthCurves, mouth_curves
from skyreels_core.demo.faces import Identity, Motion, draw_face
from skyreels_core.demo.unseen import SIZE
from skyreels_core.demo.voices import recording
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.timeline import Timeline

from .material import FPS, SEED

# Frames that are drawn together.
PIECE = 100


@dataclass(frozen=True)
class Speaker:
    """A drawn person and what is said."""

    who: Identity
    motion: Motion
    curves: MouthCurves
    samples: Tensor  # [n] at 16 kHz

    @classmethod
    def draw(cls, index: int, seconds: float) -> Speaker:
        samples = recording(SEED + index, seconds, unseen=True)
        curves = mouth_curves(samples, Timeline.from_seconds(seconds, FPS).frames, FPS)
        motion = Motion.draw(np.random.default_rng([SEED, index]), curves, FPS)
        return cls(Identity.draw(random.Random(f"unseen face {index}")), motion, curves, samples)

    def box(self) -> Tensor:
        """The lower face of the first frame, [1 h w]."""
        return face_masks(self.keypoints([next(self.pieces())[1][:1]]), FPS).boxes

    def animate(self, folder: Path) -> list[str | Path]:
        """The words of the command that animates the first frame; its inputs lie in `folder`, its output is open."""
        picture, voice = folder / "portrait.png", folder / "voice.wav"
        write_picture(picture, next(self.pieces())[0][0])
        self._write_voice(voice)
        return ["animate", "--image", picture, *self._words(voice)]

    def edit(self, folder: Path) -> list[str | Path]:
        """The words of the command that regenerates the mouth of the drawn video, with the same voice."""
        video, keypoints, voice = folder / "video.mp4", folder / "video.json", folder / "voice.wav"
        landmarks: list[Tensor] = []

        def frames() -> Iterator[Tensor]:
            for drawn, points in self.pieces():
                landmarks.append(points)
                yield from drawn

        self._write_voice(voice)
        write_video(video, frames(), FPS, self.audio())
        keypoints.write_text(json.dumps(to_pose_keypoint(self.keypoints(landmarks))), encoding="utf-8")
        return ["edit", "--video", video, "--keypoints", keypoints, *self._words(voice)]

    def _words(self, voice: Path) -> list[str | Path]:
        return ["--audio", voice, "--prompt", self.who.caption]

    def audio(self) -> Audio:
        return Audio(self.samples[None], 16000)

    def _write_voice(self, path: Path) -> None:
        write_wav(path, self.audio())

    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Frames [f h w 3] and landmarks [f 68 2], some at a time."""
        for first in range(0, len(self.curves.opening), PIECE):
            piece = draw_face(
                self.who, self.motion.slice(first, PIECE), self.curves.slice(first, PIECE), SIZE
            )
            yield piece.frames, piece.landmarks

    def keypoints(self, landmarks: list[Tensor]) -> Keypoints:
        return Keypoints.of_one_face(torch.cat(landmarks).round(decimals=2), SIZE, SIZE)
