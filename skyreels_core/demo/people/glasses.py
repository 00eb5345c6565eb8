"""Glasses: tubes swept along outlines around the eyes, over the nose and to the ears."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from .head import SKIN, unit
from .person import Person

FRAMES = {"round": 2.0, "square": 4.0, "oval": 2.4}  # exponent of the superellipse
TUBE = 0.026  # dm, radius
CLEARANCE = 0.045  # dm between skin and rims
AROUND, ALONG = 7, 40  # corners of a tube, points of an outline


def make_glasses(person: Person, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions [m 3], normals [m 3] and triangles [t 3] of glasses that fit a person."""
    left, right = (ball.centre for ball in person.eyeballs)
    half = np.array([1.0, 0.98 if kind != "oval" else 0.76]) * min(0.27, 0.46 * (left - right)[0])
    rims = [_rim(person, ball.centre, half, FRAMES[kind]) for ball in person.eyeballs]
    inner = [rim[np.abs(rim[:, 0]).argmin()] + [0, 0.05, 0] for rim in rims]
    nose = (inner[0] + inner[1]) / 2 + [0, 0.03, 0.05]
    outer = [rim[np.abs(rim[:, 0]).argmax()] + [0, 0.06, 0] for rim in rims]
    temples = [
        np.stack([o, o + np.array([0.05 * np.sign(o[0]), 0, -0.25]), [_ear(person, o), o[1] + 0.02, 0.35]])
        for o in outer
    ]
    tubes = (
        [(rim, True) for rim in rims]
        + [(np.stack([inner[0], nose, inner[1]]), False)]
        + [(t, False) for t in temples]
    )
    return _joined([_tube(path, closed) for path, closed in tubes])


def _rim(person: Person, centre: np.ndarray, half: np.ndarray, exponent: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, ALONG, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    x = half[0] * np.sign(cos) * np.abs(cos) ** (2 / exponent)
    y = half[1] * np.sign(sin) * np.abs(sin) ** (2 / exponent) - 0.02
    x, y = centre[0] + x, centre[1] + y
    bend = -0.16 * (np.abs(x) / 0.6) ** 2
    skin = person.rest[(person.head.part == SKIN) & (person.head.base[:, 2] > 1.0)]
    _, near = KDTree(skin[:, :2]).query(np.stack([x, y], axis=1))
    front = (skin[near, 2] - bend).max() + CLEARANCE + TUBE
    return np.stack([x, y, front + bend], axis=1)


def _ear(person: Person, outer: np.ndarray) -> float:
    """x of the side of the head in front of the ear."""
    skin = (np.abs(person.head.base[:, 1] - 7.25) < 0.1) & (np.abs(person.head.base[:, 2] - 0.6) < 0.1)
    return float(np.sign(outer[0]) * (np.abs(person.rest[skin, 0]).max() + 0.01))


def _tube(path: np.ndarray, closed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before, after = (np.roll(path, k, axis=0) for k in (1, -1)) if closed else _ends(path)
    tangent = unit(after - before)
    side = unit(np.cross(tangent, [0.0, 0.0, 1.0]) + 1e-6)
    up = unit(np.cross(side, tangent))
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    normals = side[:, None] * np.cos(turn)[:, None] + up[:, None] * np.sin(turn)[:, None]
    rings = len(path) if closed else len(path) - 1
    i, j = (g.ravel() for g in np.meshgrid(np.arange(rings), np.arange(AROUND), indexing="ij"))
    a, b = i * AROUND + j, i * AROUND + (j + 1) % AROUND
    c, d = ((k + AROUND) % (len(path) * AROUND) for k in (a, b))
    triangles = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    return (path[:, None] + TUBE * normals).reshape(-1, 3), normals.reshape(-1, 3), triangles


def _ends(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([path[:1], path[:-1]]), np.concatenate([path[1:], path[-1:]])


def _joined(
    tubes: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    firsts = np.cumsum([0, *(len(positions) for positions, _, _ in tubes)])
    triangles = [t + first for (_, _, t), first in zip(tubes, firsts, strict=False)]
    positions, normals = (np.concatenate([tube[i] for tube in tubes]).astype(np.float32) for i in range(2))
    return positions, normals, np.concatenate(triangles).astype(np.int32)
