"""Files of any length: a face and a voice that training never met, never more than a piece of them in memory."""

from __future__ import annotations

import functools
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.timeline import SAMPLE_RATE, Timeline

from .material import FPS, SEED, model_words, of_people, reader, size

if TYPE_CHECKING:
    from skyreels_core.demo.people.takes import Take

# Frames that are drawn together.
PIECE = 100


class Speaker(ABC):
    """Someone and what they say."""

    samples: Tensor  # [n] at 16 kHz

    @staticmethod
    def draw(index: int, seconds: float) -> Speaker:
        """Of the kind that the measured model learned from."""
        return SpeakingPerson.draw(index, seconds) if of_people() else DrawnSpeaker.draw(index, seconds)

    @property
    @abstractmethod
    def caption(self) -> str: ...

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""

    @abstractmethod
    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Frames [f h w 3] and landmarks [f 68 2], some at a time."""

    @abstractmethod
    def driving(self) -> np.ndarray:
        """What the mouth is to follow [f]."""

    @abstractmethod
    def mouth(self, frames: Tensor) -> np.ndarray:
        """How far the mouth is open in generated frames [f h w 3]."""

    def animate(self, folder: Path) -> list[str | Path]:
        """The words of the command that animates the first frame; its inputs lie in `folder`, its output is open."""
        picture, voice = folder / "portrait.png", folder / "voice.wav"
        write_picture(picture, self.first[0][0])
        self._write_voice(voice)
        return ["animate", "--image", picture, *self._words(voice)]

    def edit(self, folder: Path) -> list[str | Path]:
        """The words of the command that regenerates the mouth of the video, with the same voice."""
        video, keypoints, voice = folder / "video.mp4", folder / "video.json", folder / "voice.wav"
        landmarks: list[Tensor] = []

        def frames() -> Iterator[Tensor]:
            for shown, points in self.pieces():
                landmarks.append(points)
                yield from shown

        self._write_voice(voice)
        write_video(video, frames(), FPS, self.audio())
        keypoints.write_text(json.dumps(to_pose_keypoint(self.keypoints(landmarks))), encoding="utf-8")
        return ["edit", "--video", video, "--keypoints", keypoints, *self._words(voice)]

    @functools.cached_property
    def first(self) -> tuple[Tensor, Tensor]:
        """The first frames and their landmarks."""
        return next(self.pieces())

    def box(self) -> Tensor:
        """The lower face of the first frame, [1 h w]."""
        return face_masks(self.keypoints([self.first[1][:1]]), FPS).boxes

    def audio(self) -> Audio:
        return Audio(self.samples[None], SAMPLE_RATE)

    def keypoints(self, landmarks: list[Tensor]) -> Keypoints:
        return Keypoints.of_one_face(torch.cat(landmarks).round(decimals=2), *self.size[::-1])

    def _words(self, voice: Path) -> list[str | Path]:
        return ["--audio", voice, "--prompt", self.caption, *model_words()]

    def _write_voice(self, path: Path) -> None:
        write_wav(path, self.audio())


@dataclass(frozen=True, eq=False)
class DrawnSpeaker(Speaker):
    who: Identity
    motion: Motion
    curves: MouthCurves
    samples: Tensor

    @staticmethod
    def draw(index: int, seconds: float) -> DrawnSpeaker:
        samples = recording(SEED + index, seconds, unseen=True)
        curves = mouth_curves(samples, Timeline.from_seconds(seconds, FPS).frames, FPS)
        motion = Motion.draw(np.random.default_rng([SEED, index]), curves, FPS)
        return DrawnSpeaker(Identity.draw(random.Random(f"unseen face {index}")), motion, curves, samples)

    @property
    def caption(self) -> str:
        return self.who.caption

    @property
    def size(self) -> tuple[int, int]:
        return SIZE, SIZE

    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self.curves.opening), PIECE):
            motion, curves = self.motion.slice(first, PIECE), self.curves.slice(first, PIECE)
            piece = draw_face(self.who, motion, curves, SIZE)
            yield piece.frames, piece.landmarks

    def driving(self) -> np.ndarray:
        return self.curves.area

    def mouth(self, frames: Tensor) -> np.ndarray:
        return mouth_area(frames, self.box()).numpy()


@dataclass(frozen=True, eq=False)
class SpeakingPerson(Speaker):
    take: Take
    samples: Tensor

    @staticmethod
    def draw(index: int, seconds: float) -> SpeakingPerson:
        from .rendered_people import said, take

        one = take(index, seconds)
        return SpeakingPerson(one, said(one, seconds))

    @property
    def caption(self) -> str:
        return self.take.caption

    @property
    def size(self) -> tuple[int, int]:
        return size()

    @property
    def frames(self) -> int:
        return Timeline.from_seconds(len(self.samples) / SAMPLE_RATE, FPS).frames

    def pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        from .rendered_people import filmed

        for first in range(0, self.frames, PIECE):
            count = min(PIECE, self.frames - first)
            yield filmed(self.take, self.take.performance.part(first, count), self.size)

    def driving(self) -> np.ndarray:
        """How far the jaw is open: to render and read all of a long video would take longer than to generate it."""
        from skyreels_core.demo.people.person import channels

        jaw = channels(self.take.actor.person.head).index("jawOpen")
        return self.take.performance.poses[: self.frames, jaw]

    def mouth(self, frames: Tensor) -> np.ndarray:
        return reader().read(frames, self.first[1][:1]).opening.numpy()
