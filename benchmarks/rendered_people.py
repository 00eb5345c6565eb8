"""People that training never met, rendered when they are asked for, for the measurements of a model that learned from
rendered people. Needs the `people` extra, flite and espeak-ng."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import LEFT_EYE, RIGHT_EYE, Keypoints
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.people.articulation import groups_of, visemes_at
from skyreels_core.demo.people.motion import Performance
from skyreels_core.demo.people.takes import HELD_OUT, Take, film, speech_of
from skyreels_core.demo.rendered import View
from skyreels_core.media.sound import Audio
from skyreels_core.timeline import SAMPLE_RATE, Timeline

from .material import FPS, Person, reader

FIRST = HELD_OUT + 5000  # the number of the first: the sets that training holds out have smaller ones
FILMED = 256  # pixels on a side
SENTENCE = 2.0  # s, roughly

Size = tuple[int, int]  # height, width


@functools.lru_cache(maxsize=8)
def take(index: int, seconds: float) -> Take:
    """Person `index`, who speaks for at least so long."""
    sentences = math.ceil(seconds / SENTENCE)
    while (speech := speech_of(FIRST + index, sentences)).seconds < seconds:
        sentences += math.ceil((seconds - speech.seconds) / SENTENCE)
    return Take.of(FIRST + index, speech, FPS)


def person(index: int, seconds: float, size: Size) -> Person:
    """Unseen person `index`, saying sentences of their own."""
    one = take(index, seconds)
    return clip_of(one, one.performance.part(0, Timeline.from_seconds(seconds, FPS).frames), seconds, size)


def clip_of(one: Take, performance: Performance, seconds: float, size: Size) -> Person:
    frames, landmarks = filmed(one, performance, size)
    samples = said(one, seconds)
    instants = (np.arange(len(frames)) + 0.5) / performance.fps
    return Person(
        caption=one.caption,
        frames=frames,
        boxes=face_masks(Keypoints.of_one_face(landmarks, *size[::-1]), performance.fps).boxes,
        eyes=_around_eyes(landmarks[0], size),
        voice=Audio(samples[None], SAMPLE_RATE),
        curves=mouth_curves(samples, len(frames), performance.fps),
        landmarks=landmarks,
        seen=reader().read(frames, landmarks),
        groups=groups_of(visemes_at(one.speech.phones, instants)),
    )


def filmed(one: Take, performance: Performance, size: Size) -> tuple[Tensor, Tensor]:
    """Frames [f h w 3] in 0..1 and landmarks [f 68 2], pixels."""
    footage = film(one.actor, performance, FILMED, FILMED)
    view = View.portrait((FILMED, FILMED), size)
    return view.of(footage.frames), view.places(torch.from_numpy(footage.landmarks))


def said(one: Take, seconds: float) -> Tensor:
    """The first seconds of the voice, [n] at 16 kHz."""
    return one.speech.samples[: round(seconds * SAMPLE_RATE)]


def at_rate(performance: Performance, frames: int, fps: float) -> Performance:
    """The same movement between its frames."""
    known = (np.arange(len(performance)) + 0.5) / performance.fps
    wanted = (np.arange(frames) + 0.5) / fps

    def between(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(wanted, known, column) for column in values.T], axis=1)

    return Performance(
        poses=between(performance.poses), turns=between(performance.turns), gazes=between(performance.gazes),
        shifts=between(performance.shifts), fps=fps,
    )  # fmt: skip


def _around_eyes(landmarks: Tensor, size: Size) -> Tensor:
    eyes = torch.zeros(size)
    points = torch.cat([landmarks[RIGHT_EYE], landmarks[LEFT_EYE]])
    (left, top), (right, bottom) = points.amin(0).int() - 3, points.amax(0).int() + 4
    eyes[top:bottom, left:right] = 1
    return eyes
