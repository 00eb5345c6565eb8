"""How a person moves while talking: mouth by the sounds, head and brows by the voice's energy, eyes by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...timeline import SAMPLE_RATE
from .actor import Actor
from .head import Head
from .identity import MOODS
from .person import pose
from .renderer import FaceState, HeadTurn
from .visemes import mouth_track
from .voices import Speech

SIDED = (
    "mouthSmile",
    "browOuterUp",
    "browDown",
    "cheekSquint",
    "mouthStretch",
    "mouthUpperUp",
    "mouthLowerDown",
)
BLINK = (0.0, 0.07, 0.11, 0.25), (0.0, 1.0, 1.0, 0.0)  # s after its beginning, how far the lids are shut
BETWEEN_BLINKS = (1.4, 5.0)  # s
BETWEEN_GLANCES = (0.7, 2.6)  # s


@dataclass(frozen=True, eq=False)
class Performance:
    """Everything that moves, per frame."""

    poses: np.ndarray  # [f 55] as person.channels names them
    turns: np.ndarray  # [f 3] degrees: yaw, pitch, roll of the head
    gazes: np.ndarray  # [f 2] degrees against the head
    shifts: np.ndarray  # [f 2] dm
    fps: float

    def __len__(self) -> int:
        return len(self.poses)

    def state(self, frame: int) -> FaceState:
        turn = HeadTurn(*map(float, self.turns[frame]))
        gaze, shift = (tuple(map(float, values[frame])) for values in (self.gazes, self.shifts))
        return FaceState(self.poses[frame], turn, gaze, shift)  # type: ignore[arg-type]

    def part(self, first: int, frames: int) -> Performance:
        cut = slice(first, first + frames)
        return Performance(self.poses[cut], self.turns[cut], self.gazes[cut], self.shifts[cut], self.fps)


def talk(actor: Actor, speech: Speech, fps: float, seed: int) -> Performance:
    """The actor speaking; frame f shows the instant (f + 0.5) / fps. The same for the same seed."""
    rng = np.random.default_rng([seed, 7])
    frames = max(int(speech.seconds * fps), 1)
    instants = (np.arange(frames) + 0.5) / fps
    head, emphasis = actor.person.head, _emphasis(speech, instants)
    wander = _Wander(rng, frames, fps)
    mouth = mouth_track(head, speech.phones, instants) * _liveliness(head, rng)
    poses = (
        mouth + _mood(head, actor.identity.mood, mouth, wander(2.0, 0.12)) + _brows(head, emphasis, wander)
    )
    poses = poses * _sides(head, rng) + _blinks(head, rng, instants)
    turns = np.stack(
        [
            wander(1.3, 3.2) + wander(0.5, 0.8),
            1.0 + wander(1.0, 1.4) + rng.uniform(1.5, 3.5) * emphasis,
            wander(1.4, 1.5) + wander(0.4, 0.3) * emphasis,
        ],
        axis=1,
    )
    shifts = np.stack([wander(2.0, 0.03) + 0.006 * turns[:, 0], wander(1.6, 0.02)], axis=1)
    return Performance(poses.astype(np.float32), turns, _gazes(rng, turns, instants), shifts, fps)


def _emphasis(speech: Speech, instants: np.ndarray) -> np.ndarray:
    """Slow swells of the voice's loudness against its own mean, about -1..1, [f]."""
    hop = SAMPLE_RATE // 100
    power = speech.samples[: len(speech.samples) // hop * hop].reshape(-1, hop).square().mean(1).numpy()
    level = np.sqrt(power)
    swell = gaussian_filter1d(level, 12) - gaussian_filter1d(level, 80)
    swell = swell / (np.abs(swell).max() + 1e-6)
    return np.interp(instants, (np.arange(len(swell)) + 0.5) / 100, swell)


def _liveliness(head: Head, rng: np.random.Generator) -> np.ndarray:
    """How far this person opens the mouth; closures stay as they are, [55]."""
    gain = np.ones(len(head.shapes) + 3)
    gain[[head.shapes[n] for n in ("jawOpen", "mouthFunnel", "mouthStretchLeft", "mouthStretchRight")]] = (
        rng.uniform(1.0, 1.25)
    )
    return gain


def _mood(head: Head, mood: str, mouth: np.ndarray, swing: np.ndarray) -> np.ndarray:
    """The mood's expression, weaker where the mouth is rounded or wide open, [f 55]."""
    held = 1 - 0.6 * mouth[:, -2] - 0.25 * mouth[:, head.shapes["jawOpen"]]
    return (held * (1 + swing))[:, None] * pose(head, **MOODS[mood])


def _brows(head: Head, emphasis: np.ndarray, wander: _Wander) -> np.ndarray:
    raised = np.maximum(0.35 * emphasis + wander(0.7, 0.06), 0)[:, None]
    return raised * pose(head, browInnerUp=0.8, browOuterUp=0.7)


def _sides(head: Head, rng: np.random.Generator) -> np.ndarray:
    """No face is quite symmetric, [55]."""
    factors = np.ones(len(head.shapes) + 3)
    for name in SIDED:
        lean = rng.normal(0, 0.07)
        factors[head.shapes[f"{name}Left"]] += lean
        factors[head.shapes[f"{name}Right"]] -= lean
    return factors


def _blinks(head: Head, rng: np.random.Generator, instants: np.ndarray) -> np.ndarray:
    shut, at = np.zeros(len(instants)), rng.uniform(0.2, 3.0)
    while at < instants[-1]:
        shut = np.maximum(shut, np.interp(instants - at, *BLINK))
        at += rng.uniform(*BETWEEN_BLINKS)
    return shut[:, None] * pose(head, eyeBlink=1, eyeSquint=0.1, cheekSquint=0.08)


def _gazes(rng: np.random.Generator, turns: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """Into the camera whatever the head does, with small glances beside it, [f 2]."""
    aside, at = np.zeros((len(instants), 2)), 0.0
    while at < instants[-1]:
        far = rng.random() < 0.15
        aside[instants >= at] = rng.normal(0, [6.0, 2.5] if far else [1.2, 0.8])
        at += rng.uniform(0.3, 0.7) if far else rng.uniform(*BETWEEN_GLANCES)
    return np.stack([-0.9 * turns[:, 0], -0.9 * turns[:, 1]], axis=1) + aside.clip(-11, 11)


class _Wander:
    """Smooth noise [f] of a correlation time (s) and a standard deviation."""

    def __init__(self, rng: np.random.Generator, frames: int, fps: float):
        self.rng, self.frames, self.fps = rng, frames, fps

    def __call__(self, seconds: float, deviation: float) -> np.ndarray:
        sigma = seconds * self.fps / 2
        pad = int(4 * sigma) + 1
        white = self.rng.standard_normal(self.frames + 2 * pad)
        smooth = gaussian_filter1d(white, sigma)[pad : pad + self.frames]
        return deviation * (smooth * np.sqrt(2 * np.sqrt(np.pi) * sigma)).clip(-2.2, 2.2)
