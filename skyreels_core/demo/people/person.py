"""One person's mesh and how a facial expression moves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .build import EYE_CENTRE, Build, build_positions, height_scale
from .head import EYE, LASH, SKIN, TONGUE, Head, ear_width
from .mouth import Mouth, mouth_of

CORRECTIVES = (
    "seal",
    "narrow",
    "round",
)  # of mouth.py, in the order in which a pose holds them after the shapes
LID_CLEARANCE = 1.07  # of the eyeball's radius: lids stay outside it
BLINK_GAIN = 1.12  # lids of every shape of eye meet
TONGUE_LIFT = 0.17  # dm up for tongueOut 1: else the tip comes out below the teeth


def channels(head: Head) -> tuple[str, ...]:
    """Names of a pose's numbers: the 52 ARKit shapes, then the correctives."""
    return (*head.shapes, *CORRECTIVES)


def pose(head: Head, **weights: float) -> np.ndarray:
    """A pose [55] from weights by name; a name without Left or Right stands for both sides."""
    names = channels(head)
    values = np.zeros(len(names), np.float32)
    for name, weight in weights.items():
        for each in (name,) if name in names else (f"{name}Left", f"{name}Right"):
            values[names.index(each)] += weight
    return values


@dataclass(frozen=True, eq=False)
class Eyeball:
    centre: np.ndarray  # [3] dm
    radius: float
    rows: np.ndarray  # vertices of the ball
    lid: np.ndarray  # vertices of lids and lashes around it

    def clear(self, positions: np.ndarray) -> None:
        """Push lids that shapes drew into the eyeball back out, in place: then a blink closes every eye."""
        away = positions[self.lid] - self.centre
        distance = np.linalg.norm(away, axis=1)
        least = LID_CLEARANCE * self.radius
        inside = (distance < least) & (away[:, 2] > 0)
        positions[self.lid[inside]] = self.centre + away[inside] * (least / distance[inside])[:, None]


@dataclass(frozen=True, eq=False)
class Person:
    head: Head
    mouth: Mouth
    rest: np.ndarray  # [n 3] dm, without any expression
    eyeballs: tuple[Eyeball, Eyeball]  # the person's left one first
    growth: np.ndarray  # [52] how much larger each shape is than on the base mesh

    @classmethod
    def of(cls, head: Head, build: Build, flat_ears: bool = False) -> Person:
        """`flat_ears`: pressed to the head, as long hair does."""
        rest = build_positions(head, build)
        if flat_ears:
            rest[:, 0] -= 1.15 * ear_width(head)
        eyeballs = (_eyeball(head, rest, 1), _eyeball(head, rest, -1))
        of_base = _eyeball(head, head.base, 1).radius
        of_eyes = (eyeballs[0].radius + eyeballs[1].radius) / 2 / of_base
        scale = height_scale(head, build)
        growth = np.array([of_eyes if name.startswith("eye") else scale for name in head.shapes], np.float32)
        growth[[head.shapes["eyeBlinkLeft"], head.shapes["eyeBlinkRight"]]] *= BLINK_GAIN
        return cls(head, mouth_of(head), rest, eyeballs, growth)

    def deform(self, values: np.ndarray) -> np.ndarray:
        """Positions [n 3] under a pose [55]."""
        weights = values[: len(self.growth)] * self.growth
        for side in ("Left", "Right"):  # a shut eye is not wide
            blink = values[self.head.shapes[f"eyeBlink{side}"]]
            weights[self.head.shapes[f"eyeWide{side}"]] *= 1 - blink
        seal, narrow, rounded = values[len(self.growth) :]
        positions, used = self.rest.copy(), np.flatnonzero(weights)
        positions[self.head.moving] += (weights[used] @ self.head.offsets[used]).reshape(-1, 3)
        positions[self.head.part == TONGUE, 1] += TONGUE_LIFT * values[self.head.shapes["tongueOut"]]
        if narrow:
            self.mouth.make_narrow(positions, narrow)
        if rounded:
            self.mouth.make_round(positions, rounded)
        if seal:
            self.mouth.seal(positions, seal)
        for eyeball in self.eyeballs:
            eyeball.clear(positions)
        return positions

    def eye_directions(self) -> np.ndarray:
        """[n 3] of eyeball vertices: direction from the ball's centre; zero elsewhere."""
        directions = np.zeros_like(self.rest)
        for ball in self.eyeballs:
            directions[ball.rows] = (self.rest[ball.rows] - ball.centre) / ball.radius
        return directions


def _eyeball(head: Head, positions: np.ndarray, side: int) -> Eyeball:
    x, y, z = head.base.T
    rows = np.flatnonzero((head.part == EYE) & (side * x > 0))
    low, high = positions[rows].min(0), positions[rows].max(0)
    near = (np.hypot(x - side * EYE_CENTRE[0], y - EYE_CENTRE[1]) < 0.24) & (z > 1.15)
    lid = np.flatnonzero(near & (((head.part == SKIN) & (head.cavity < 0.02)) | (head.part == LASH)))
    return Eyeball((low + high) / 2, float((high - low)[:2].mean() / 2), rows, lid)
