"""Everything about a person that does not move, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .field import lit_by, openness, sample, scalp_field
from .glasses import make_glasses
from .hair import Hair, make_hair
from .hairline import beard_mask
from .head import EYE, SKIN, Head, load_head
from .identity import Identity
from .person import Person
from .styles import STYLES

BACK = -0.25  # dm: what lies further back is never seen
BEHIND = -0.6  # dm, of hair, which is wider than the head
BELOW = 0.35  # dm below the picture at which the body ends
COVER, DEEP = -0.06, 0.55  # dm: skin so deep in the hair and so far above the hairline is left out


@dataclass(frozen=True, eq=False)
class Solid:
    """A mesh beside the head: hair or glasses."""

    positions: np.ndarray  # [m 3] dm
    normals: np.ndarray  # [m 3]
    base: np.ndarray  # [m 3] base coordinates
    exposure: np.ndarray  # [m 4] turning, open, lit, dm above the hairline
    triangles: np.ndarray  # [t 3]


@dataclass(frozen=True, eq=False)
class Actor:
    identity: Identity
    person: Person
    exposure: np.ndarray  # [n 4] as a solid's
    paint: np.ndarray  # [n 4] cavity, lips, lids, beard
    covered: np.ndarray  # [n] whether hair hides a vertex
    hair: Solid | None
    glasses: Solid | None

    @classmethod
    def of(cls, identity: Identity, folder: str | Path | None = None) -> Actor:
        """Built in about half a second; the first one of a process takes four."""
        head = load_head(folder)
        looks = identity.looks
        person = Person.of(head, identity.build, flat_ears=STYLES[looks.style].hides_ears)
        hair = make_hair(head, looks.style, looks.hairline, looks.hair_seed)
        solid = scalp_field(head).distance if hair is None else hair.solid
        normals, key = head.normals(head.base), identity.light.key_direction
        above = np.where(head.part == SKIN, looks.hairline.above(head.base), -1)
        exposure = np.stack([head.turning, *_light(solid, head.base, normals, key), above], axis=1)
        exposure[head.part == EYE, 1] = 1
        beard = np.where(head.part == SKIN, beard_mask(looks.beard, head.base, head.lips), 0)
        paint = np.stack([head.cavity, head.lips, head.lids, beard], axis=1)
        worn = None if hair is None else _hair(head, person, hair, key)
        glasses = _glasses(person, looks.glasses[0]) if looks.glasses else None
        covered = (sample(solid, head.base) < COVER) & (head.part == SKIN) & (above > DEEP)
        return cls(
            identity, person, exposure.astype(np.float32), paint.astype(np.float32), covered, worn, glasses
        )

    def triangles(self, *parts: int) -> np.ndarray:
        """Triangles of these parts that the camera may see."""
        head = self.person.head
        triangles = head.faces_of(*parts)
        lowest = self.identity.lens.y - self.identity.lens.height / 2 - BELOW
        y, z = head.base[triangles, 1], head.base[triangles, 2]
        behind = (z.max(1) < BACK) & (y.min(1) > 6.6)
        return triangles[~behind & (y.max(1) > lowest) & ~self.covered[triangles].all(1)]

    def skin_and_cloth(self) -> tuple[np.ndarray, np.ndarray]:
        """Triangles of the bare skin, and those of the shirt with its edge."""
        triangles, base = self.triangles(SKIN), self.person.head.base
        dressed = (
            (self.identity.looks.above_collar(base) < 0.02)
            & (base[:, 1] < 6.2)
            & (self.person.head.cavity < 0.01)
        )
        cloth = dressed[triangles].any(1)
        return triangles[~cloth], triangles[cloth]


def _light(
    solid: np.ndarray, points: np.ndarray, normals: np.ndarray, key: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return openness(solid, points, normals), lit_by(solid, points, normals, key)


def _hair(head: Head, person: Person, hair: Hair, key: np.ndarray) -> Solid:
    positions, normals = hair.fitted(head, person.rest)
    light = _light(hair.solid, hair.positions, normals, key)
    exposure = np.stack([hair.turning, *light, hair.above], axis=1).astype(np.float32)
    seen = hair.positions[hair.triangles, 2].max(1) > BEHIND
    return Solid(positions, normals.astype(np.float32), hair.positions, exposure, hair.triangles[seen])


def _glasses(person: Person, kind: str) -> Solid:
    positions, normals, triangles = make_glasses(person, kind)
    exposure = np.tile(np.array([1, 1, 1, 1], np.float32), (len(positions), 1))
    return Solid(positions, normals, positions, exposure, triangles)
