"""What surrounds a person: light, lens and background."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from .head import unit

FACE_DEPTH = 0.6  # dm, z of the plane in which the frame's height is measured
Colour = tuple[float, float, float]  # display values (sRGB), 0..1


@dataclass(frozen=True)
class Light:
    """A key light from the upper left or right, a fill from the other side, a rim light and the room's light."""

    side: float  # of the key light: -1 from the picture's left, 1 from its right
    azimuth: float  # radians off the camera's axis
    elevation: float  # radians
    warmth: float  # -1 cool .. 1 warm
    contrast: float  # 0 flat .. 1 strong

    @classmethod
    def draw(cls, rng: random.Random) -> Light:
        side = rng.choice((-1.0, 1.0))
        return cls(
            side,
            rng.uniform(0.3, 0.75),
            rng.uniform(0.35, 0.65),
            rng.uniform(-0.6, 0.9),
            rng.uniform(0.2, 0.8),
        )

    @property
    def key_direction(self) -> np.ndarray:
        """Unit vector towards the key light."""
        across = self.side * np.sin(self.azimuth) * np.cos(self.elevation)
        return np.array([across, np.sin(self.elevation), np.cos(self.azimuth) * np.cos(self.elevation)])

    def uniforms(self) -> dict[str, np.ndarray]:
        tint = np.array([1 + 0.07 * self.warmth, 1.0, 1 - 0.10 * self.warmth])
        key, room = 0.72 + 0.34 * self.contrast, 0.44 - 0.15 * self.contrast
        return {
            "key_direction": self.key_direction,
            "key_colour": key * tint,
            "fill_direction": unit(np.array([-self.side * 0.9, 0.1, 0.6])),
            "fill_colour": 0.16 * tint[::-1],
            "rim_direction": unit(np.array([-self.side * 0.6, 0.5, -0.7])),
            "rim_colour": 0.42 * tint[::-1],
            "sky": room * np.array([1.0, 1.02, 1.06]),
            "ground": 0.52 * room * np.array([1.05, 0.98, 0.94]),
        }


@dataclass(frozen=True)
class Lens:
    """A camera in front of the face."""

    distance: float  # dm
    height: float  # dm of the scene that fill the picture's height
    x: float  # dm, the point in the middle of the picture
    y: float

    @classmethod
    def draw(cls, rng: random.Random) -> Lens:
        height = rng.uniform(3.25, 3.75)
        return cls(rng.uniform(9, 16), height, rng.uniform(-0.12, 0.12), 7.28 + rng.uniform(-0.08, 0.08))

    @property
    def viewpoint(self) -> np.ndarray:
        return np.array([self.x, self.y, self.distance + FACE_DEPTH])

    def matrix(self, aspect: float) -> np.ndarray:
        """World (dm) to clip space, 4x4, for a picture of `aspect` = width / height."""
        focal, near, far = 2 * self.distance / self.height, self.distance - 5, self.distance + 5
        depth = (far + near) / (near - far), 2 * far * near / (near - far)
        projection = np.array([[focal / aspect, 0, 0, 0], [0, focal, 0, 0], [0, 0, *depth], [0, 0, -1, 0]])
        place = np.eye(4)
        place[:3, 3] = -self.viewpoint
        return projection @ place


@dataclass(frozen=True)
class SoftBox:
    """A blurred rectangle behind the person; the picture's height spans -1..1."""

    centre: tuple[float, float]
    half: tuple[float, float]
    colour: Colour
    opacity: float = 1.0
    radius: float = 0.0
    blur: float = 0.08


@dataclass(frozen=True)
class Background:
    caption: str
    near: Colour
    far: Colour
    boxes: tuple[SoftBox, ...] = ()

    def uniforms(self, most: int = 12) -> dict[str, Any]:
        empty = [SoftBox((0, 0), (0, 0), (0, 0, 0), 0.0)] * (most - len(self.boxes))
        boxes = [*self.boxes, *empty]
        return {
            "near_colour": self.near, "far_colour": self.far, "shapes": len(self.boxes),
            "boxes": [(*b.centre, *b.half) for b in boxes], "tints": [(*b.colour, b.opacity) for b in boxes],
            "edges": [(b.radius, b.blur) for b in boxes],
        }  # fmt: skip


WALLS: dict[str, Colour] = {
    "cream": (0.95, 0.91, 0.83), "beige": (0.88, 0.80, 0.70), "light grey": (0.85, 0.86, 0.87),
    "light blue": (0.74, 0.85, 0.93), "sage green": (0.74, 0.82, 0.72), "pink": (0.95, 0.80, 0.80),
    "lavender": (0.82, 0.79, 0.92), "teal": (0.50, 0.72, 0.74), "peach": (0.97, 0.82, 0.70),
    "mustard": (0.90, 0.76, 0.46), "dark blue": (0.30, 0.38, 0.52), "charcoal": (0.33, 0.34, 0.37),
}  # fmt: skip
BOOKS: tuple[Colour, ...] = (
    (0.62, 0.30, 0.26), (0.28, 0.40, 0.50), (0.80, 0.66, 0.42), (0.36, 0.46, 0.36), (0.86, 0.82, 0.74),
)  # fmt: skip
WOOD: Colour = (0.55, 0.40, 0.29)


def draw_background(rng: random.Random) -> Background:
    """A plain wall in half of the pictures, else a simple place out of focus."""
    kind = rng.choices((_wall, _window, _shelves, _garden, _evening), (5, 2, 1.5, 1.5, 1))[0]
    return kind(rng)


def _wall(rng: random.Random) -> Background:
    name = rng.choice(list(WALLS))
    return Background(
        f"{name} wall", _scaled(WALLS[name], 1.04), _scaled(WALLS[name], rng.uniform(0.72, 0.86))
    )


def _window(rng: random.Random) -> Background:
    wall, side = (
        WALLS[rng.choice(("cream", "beige", "light grey", "sage green", "peach"))],
        rng.choice((-1, 1)),
    )
    x, sky = side * rng.uniform(0.62, 0.8), (0.90, 0.96, 1.0)
    frame = _scaled(wall, 1.08)
    panes = [
        SoftBox((x + dx, 0.35 + dy), (0.19, 0.24), sky, 1.0, 0.01, 0.05)
        for dx in (-0.22, 0.22)
        for dy in (0.28, -0.28)
    ]
    plant = SoftBox((-x, -0.55), (0.16, 0.30), (0.36, 0.52, 0.34), 0.9, 0.14, 0.12)
    boxes = (SoftBox((x, 0.35), (0.48, 0.62), frame, 1.0, 0.02, 0.05), *panes, plant)
    return Background("bright room with a window", _scaled(wall, 0.97), _scaled(wall, 0.76), boxes)


def _shelves(rng: random.Random) -> Background:
    wall, boxes = WALLS[rng.choice(("cream", "beige", "light grey"))], []
    for y, x in ((0.50, -0.72), (0.50, 0.72), (-0.15, -0.72), (-0.15, 0.72)):
        boxes.append(SoftBox((x, y - 0.21), (0.42, 0.025), WOOD, 0.9, 0.01, 0.03))
        boxes += [
            SoftBox((x + dx, y - 0.03), (0.11, rng.uniform(0.12, 0.17)), rng.choice(BOOKS), 0.85, 0.01, 0.05)
            for dx in (rng.uniform(-0.22, -0.16), rng.uniform(0.05, 0.18))
        ]
    return Background("room with bookshelves", _scaled(wall, 0.92), _scaled(wall, 0.72), tuple(boxes))


def _garden(rng: random.Random) -> Background:
    greens = ((0.45, 0.62, 0.36), (0.58, 0.72, 0.42), (0.36, 0.54, 0.36), (0.70, 0.80, 0.50))
    boxes = [
        SoftBox((rng.uniform(-1, 1), rng.uniform(-0.9, 0.45)), (r, r), rng.choice(greens), 0.75, r, 0.22)
        for r in (rng.uniform(0.22, 0.42) for _ in range(10))
    ]
    return Background("sunny garden", (0.78, 0.87, 0.80), (0.60, 0.74, 0.60), tuple(boxes))


def _evening(rng: random.Random) -> Background:
    lamps = ((1.0, 0.82, 0.52), (1.0, 0.70, 0.46), (0.86, 0.80, 1.0), (1.0, 0.90, 0.70))
    boxes = [
        SoftBox(
            (rng.uniform(-1, 1), rng.uniform(-0.5, 0.95)),
            (r, r),
            rng.choice(lamps),
            rng.uniform(0.25, 0.6),
            r,
            0.03,
        )
        for r in (rng.uniform(0.05, 0.12) for _ in range(12))
    ]
    return Background(
        "city at night with blurred lights", (0.24, 0.25, 0.36), (0.13, 0.14, 0.22), tuple(boxes)
    )


def _scaled(colour: Colour, factor: float) -> Colour:
    return tuple(min(channel * factor, 1.0) for channel in colour)  # type: ignore[return-value]
