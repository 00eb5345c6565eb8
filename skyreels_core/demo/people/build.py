"""The shape of one person's head: MakeHuman's targets mixed, smoothed and set upright in the common frame."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from .data import TARGETS, read_target
from .head import LOWER_TEETH, PIVOT, SKIN, TONGUE, UPPER_TEETH, Head

AGES = {"baby": 0.0, "child": 0.1875, "young": 0.5, "old": 1.0}
RACES = ("african", "asian", "caucasian")
EYE_CENTRE = np.array([0.31, 7.28], np.float32)  # dm, of the base mesh; x of the left eye
TEETH_SHIFT = {  # dm; as modelled the lips hide the upper teeth and the tongue lies where teeth belong
    UPPER_TEETH: (0, -0.060, -0.012), LOWER_TEETH: (0, -0.035, -0.02), TONGUE: (0, -0.07, -0.02),
}  # fmt: skip
CARTOON = (  # what every face gets: large friendly eyes, a small soft nose, corners of the mouth that point up
    ("eyes/*-eye-height2-incr", 0.5), ("cheek/*-cheek-volume-incr", 0.3), ("nose/nose-scale-horiz-decr", 0.4),
    ("nose/nose-point-up", 0.3), ("nose/nose-hump-decr", 0.3), ("nose/nose-scale-vert-decr", 0.2),
    ("mouth/mouth-scale-horiz-incr", 0.25), ("mouth/mouth-angles-up", 0.35), ("eyebrows/eyebrows-trans-up", 0.3),
    ("head/head-round", 0.25),
)  # fmt: skip
VARIATION = {  # target -> largest weight; each is drawn by one face in three
    "head/head-oval": 0.5, "head/head-square": 0.25, "head/head-invertedtriangular": 0.25, "head/head-round": 0.4,
    "chin/chin-width-incr": 0.5, "chin/chin-width-decr": 0.5, "chin/chin-prominent-incr": 0.4,
    "chin/chin-height-incr": 0.3, "chin/chin-triangle": 0.4, "nose/nose-point-up": 0.4, "nose/nose-volume-decr": 0.6,
    "nose/nose-width2-incr": 0.5, "nose/nose-curve-concave": 0.4, "nose/nose-scale-vert-incr": 0.4,
    "nose/nose-flaring-incr": 0.4, "mouth/mouth-lowerlip-volume-incr": 0.6, "mouth/mouth-upperlip-volume-incr": 0.6,
    "mouth/mouth-cupidsbow-decr": 0.5, "forehead/forehead-scale-vert-incr": 0.4, "cheek/*-cheek-bones-incr": 0.5,
    "ears/*-ear-wing-incr": 0.4, "ears/*-ear-scale-decr": 0.4, "eyes/*-eye-corner2-up": 0.5,
    "eyes/*-eye-corner2-down": 0.3, "eyes/*-eye-trans-out": 0.25, "eyes/*-eye-trans-in": 0.2, "head/head-fat-incr": 0.3,
    "neck/neck-scale-horiz-decr": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Build:
    """Numbers in 0..1 unless said; `local` are (target, weight) beside those of CARTOON."""

    gender: float  # 0 female, 1 male
    age: float  # 0.1875 child, 0.5 young, 1 old; beyond 0.7 the mesh turns haggard
    weight: float
    muscle: float
    race: tuple[float, float, float]  # African, Asian, Caucasian; sums to 1
    eyes: float  # how far they are enlarged, 1..2
    scale: float  # of the head on the shoulders, 1.05..1.16
    local: tuple[tuple[str, float], ...] = ()

    @classmethod
    def draw(cls, rng: random.Random, gender: float, age: float, race: tuple[float, float, float]) -> Build:
        local = tuple((t, rng.uniform(0.1, most)) for t, most in VARIATION.items() if rng.random() < 0.33)
        weight, muscle = rng.uniform(0.35, 0.7), rng.uniform(0.4, 0.6)
        return cls(gender, age, weight, muscle, race, rng.uniform(1.4, 2.0), rng.uniform(1.08, 1.15), local)

    def targets(self) -> dict[str, float]:
        """Every target file (relative, without suffix) with its weight."""
        found: dict[str, float] = {}
        for name, weight in (*self._macro(), *CARTOON, ("eyes/*-eye-scale-incr", self.eyes), *self.local):
            for each in (name.replace("*", side) for side in ("lr" if "*" in name else "*")):
                found[each] = found.get(each, 0) + weight
        return {name: weight for name, weight in found.items() if weight}

    def _macro(self) -> list[tuple[str, float]]:
        genders = {"female": 1 - self.gender, "male": self.gender}
        ages = _shares(self.age, AGES)
        races = dict(zip(RACES, self.race, strict=True))
        muscles, weights = (
            _shares(x, _thirds(n)) for x, n in ((self.muscle, "muscle"), (self.weight, "weight"))
        )
        bare = [(g, a, genders[g] * ages[a]) for g, a in product(genders, ages)]
        return [
            *((f"macrodetails/{r}-{g}-{a}", x * races[r]) for (g, a, x), r in product(bare, races)),
            *(
                (f"macrodetails/universal-{g}-{a}-{m}-{w}", x * muscles[m] * weights[w])
                for (g, a, x), m, w in product(bare, muscles, weights)
            ),
        ]


def _thirds(noun: str) -> dict[str, float]:
    return {f"min{noun}": 0.0, f"average{noun}": 0.5, f"max{noun}": 1.0}


def _shares(value: float, anchors: dict[str, float]) -> dict[str, float]:
    """Linear interpolation between named anchors as a weight for each."""
    unit = np.eye(len(anchors))
    return {name: float(np.interp(value, list(anchors.values()), unit[i])) for i, name in enumerate(anchors)}


def build_positions(head: Head, build: Build) -> np.ndarray:
    """The resting mesh of a person without expression, [n 3] dm: skull and chin as high as the base's."""
    positions = head.base + sum(w * _fine_target(head, name) for name, w in build.targets().items())
    positions = _aligned(head, positions)
    for part, shift in TEETH_SHIFT.items():
        positions[head.part == part] += np.array(shift, np.float32)
    positions = PIVOT + (positions - PIVOT) * (1 + (build.scale - 1) * head.turning[:, None])
    return _smoothed(head, positions, rounds=3 + round(24 * max(build.age - 0.5, 0))).astype(np.float32)


def height_scale(head: Head, build: Build) -> float:
    """How much larger a person's head is drawn than its targets make it: facial shapes grow along."""
    positions = head.base + sum(w * _fine_target(head, name) for name, w in build.targets().items())
    return _upright(head, positions)[0] * build.scale


def _aligned(head: Head, positions: np.ndarray) -> np.ndarray:
    scale, centre, goal = _upright(head, positions)
    return (positions - centre) * scale + goal


def _upright(head: Head, positions: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, and the points that coincide: the middle of the box around the skull, the chin and the nape."""
    skull = (head.turning > 0.99) & (head.part == SKIN) & (head.base[:, 1] > 6.4)
    boxes = [(p[skull].min(0), p[skull].max(0)) for p in (positions, head.base)]
    (low, high), (base_low, base_high) = boxes
    centre, goal = (np.array([(a[0] + b[0]) / 2, a[1], a[2]]) for a, b in boxes)
    return float((base_high - base_low)[1] / (high - low)[1]), centre, goal


def _smoothed(head: Head, positions: np.ndarray, rounds: int) -> np.ndarray:
    """Laplacian smoothing of the skin away from lips and eyes: takes wrinkles and pores of the targets away."""
    around_eyes = np.hypot(np.abs(head.base[:, 0]) - EYE_CENTRE[0], 1.3 * (head.base[:, 1] - EYE_CENTRE[1]))
    free = (head.part == SKIN) * (1 - (1.5 * head.lips).clip(0, 1)) * (1 - (1.5 * head.lids).clip(0, 1))
    free = 0.5 * (free * (head.cavity < 0.02) * ((around_eyes - 0.2) / 0.14).clip(0, 1))[:, None]
    for _ in range(rounds):
        positions = positions + free * (head.neighbours @ positions - positions)
    return positions


def _fine_target(head: Head, name: str) -> np.ndarray:
    return _read(head.root / TARGETS / f"{name}.target.gz", head)


@functools.lru_cache(maxsize=160)  # 270 kB each
def _read(path: Path, head: Head) -> np.ndarray:
    return head.subdivide(read_target(path, head.count))
