"""How a person looks beside the shape of the head: colours, hair, clothes. Names are those of captions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from .hairline import BEARDS, Hairline, smooth_step
from .scene import Colour
from .styles import STYLES

SKINS: tuple[Colour, ...] = (  # light to dark
    (0.97, 0.82, 0.73), (0.95, 0.76, 0.65), (0.89, 0.67, 0.53), (0.78, 0.57, 0.43), (0.64, 0.44, 0.31),
    (0.50, 0.33, 0.23), (0.39, 0.25, 0.18),
)  # fmt: skip
SKIN_WORDS = ("fair", "fair", "tan", "tan", "brown", "dark brown", "dark brown")
HAIR: dict[str, tuple[Colour, float]] = {  # colour, and how often it grows on light skin
    "black": ((0.115, 0.095, 0.10), 2), "dark brown": ((0.23, 0.14, 0.09), 3), "brown": ((0.37, 0.22, 0.13), 3),
    "auburn": ((0.47, 0.19, 0.10), 1.2), "red": ((0.70, 0.33, 0.13), 1.2), "dark blonde": ((0.56, 0.42, 0.26), 2),
    "blonde": ((0.78, 0.63, 0.42), 2), "grey": ((0.56, 0.55, 0.55), 0), "white": ((0.86, 0.85, 0.83), 0),
}  # fmt: skip
IRISES: dict[str, Colour] = {
    "brown": (0.32, 0.19, 0.11), "dark brown": (0.21, 0.12, 0.08), "hazel": (0.42, 0.31, 0.15),
    "green": (0.30, 0.44, 0.28), "blue": (0.28, 0.46, 0.66), "grey": (0.42, 0.49, 0.54),
}  # fmt: skip
SHIRTS: dict[str, Colour] = {
    "white": (0.93, 0.92, 0.90), "black": (0.15, 0.15, 0.17), "grey": (0.55, 0.57, 0.60), "navy": (0.17, 0.23, 0.40),
    "blue": (0.27, 0.45, 0.70), "teal": (0.20, 0.48, 0.50), "green": (0.30, 0.54, 0.38), "olive": (0.45, 0.46, 0.28),
    "yellow": (0.90, 0.73, 0.32), "orange": (0.88, 0.52, 0.27), "red": (0.75, 0.24, 0.23), "pink": (0.90, 0.60, 0.64),
    "purple": (0.47, 0.35, 0.62), "burgundy": (0.46, 0.16, 0.22),
}  # fmt: skip
SPECTACLES: dict[str, Colour] = {
    "black": (0.09, 0.09, 0.10), "brown": (0.36, 0.21, 0.12), "gold": (0.72, 0.56, 0.28), "red": (0.60, 0.16, 0.16),
    "blue": (0.18, 0.28, 0.48),
}  # fmt: skip
COLLARS = {
    "crew-neck": (5.95, 0.0),
    "V-neck": (5.92, 0.62),
    "high-collar": (6.12, -0.02),
}  # dm: height, dip in front


@dataclass(frozen=True)
class Looks:
    skin: float  # place in SKINS, 0..6
    hair: str
    style: str
    hairline: Hairline
    hair_seed: int
    brow_size: float  # about 1
    brow_arch: float  # 0..1
    iris: str
    lipstick: float  # 0 bare .. 1
    beard: str | None
    beard_depth: float  # dm
    glasses: tuple[str, str] | None  # shape and colour
    shirt: str
    collar: str
    stripes: str | None  # their colour
    freckles: float
    blush: float
    wrinkles: float

    @classmethod
    def draw(cls, rng: random.Random, is_man: bool, age: float, skin: float) -> Looks:
        style = _style(rng, is_man, age, skin)
        beard = rng.choice(BEARDS) if is_man and rng.random() < 0.5 else None
        shirt, collar = rng.choice(list(SHIRTS)), rng.choices(list(COLLARS), (6, 2, 1.5))[0]
        striped = collar != "high-collar" and rng.random() < 0.18
        return cls(
            skin, _hair(rng, age, skin), style, _hairline(rng, is_man, age, style), rng.randrange(4),
            rng.uniform(0.95, 1.35) if is_man else rng.uniform(0.7, 1.0), rng.uniform(0, 0.5 if is_man else 1),
            _iris(rng, skin), 0.55 if is_man else rng.uniform(0.65, 0.95), beard,
            {"short beard": 0.03, "full beard": 0.07, "goatee": 0.03, "moustache": 0.025}.get(str(beard), 0.0),
            _glasses(rng, age), shirt, collar,
            rng.choice([name for name in ("white", "navy", "red", "grey") if name != shirt]) if striped else None,
            rng.uniform(0.3, 1) if skin < 2 and rng.random() < 0.25 else 0.0, rng.uniform(0.35, 0.7),
            max(0.0, 3 * (age - 0.55)),
        )  # fmt: skip

    @property
    def skin_colour(self) -> np.ndarray:
        return np.array([np.interp(self.skin, range(len(SKINS)), channel) for channel in np.transpose(SKINS)])

    @property
    def has_dark_lashes(self) -> bool:
        return self.lipstick > 0.6

    @property
    def features(self) -> tuple[str, ...]:
        """What the skin's shader has to paint for this face."""
        wanted = {"BEARD": self.beard, "FRECKLES": self.freckles, "WRINKLES": self.wrinkles}
        return tuple(name for name, value in wanted.items() if value)

    @property
    def hair_features(self) -> tuple[str, ...]:
        return ("CURL",) if STYLES[self.style].curl else ()

    def above_collar(self, places: np.ndarray) -> np.ndarray:
        """How far places [n 3] (base coordinates) lie above the edge of the shirt, dm; as in head.vert."""
        height, dip = COLLARS[self.collar]
        x, y, z = places.T
        return y - (
            height - 0.22 * (z - 0.1) - dip * smooth_step(0.62, 0.0, np.abs(x)) * smooth_step(0.0, 0.5, z)
        )

    def uniforms(self) -> dict[str, Any]:
        """Of the shaders, which compute in linear light."""
        values = self._values()
        return {n: np.square(np.asarray(v)) if n.endswith("_colour") else v for n, v in values.items()}

    def _values(self) -> dict[str, Any]:
        skin, hair, style = self.skin_colour, np.array(HAIR[self.hair][0]), STYLES[self.style]
        dense = {"stubble": 0.42, None: 0.0}.get(self.beard, 0.92)
        rosy = skin * [0.90, 0.60, 0.58] if self.lipstick > 0.6 else skin * [0.88, 0.68, 0.65]
        height, dip = COLLARS[self.collar]
        return {
            "skin_colour": skin, "lip_colour": rosy, "hair_colour": hair, "tip_colour": (hair * 1.25 + 0.03).clip(0, 1),
            "brow_colour": hair * 0.72 if self.hair not in ("white", "grey") else hair * 0.62,
            "shirt_colour": SHIRTS[self.shirt], "stripe_colour": SHIRTS[self.stripes or "white"],
            "stripes": float(self.stripes is not None), "lipstick": self.lipstick, "brow_size": self.brow_size,
            "brow_arch": self.brow_arch, "scalp_density": style.scalp, "beard_density": dense,
            "scalp_depth": 0.03 if self.style == "buzz" else 0.0, "beard_depth": self.beard_depth,
            "freckles": self.freckles, "blush": self.blush, "wrinkles": self.wrinkles, "collar_height": height,
            "collar_depth": dip, "iris_colour": IRISES[self.iris], "iris_size": 0.63, "pupil_size": 0.27,
            "lash_colour": (0.09, 0.06, 0.05) if self.has_dark_lashes else skin * 0.36,
            "sweep": style.sweep, "whorl": 0.34 if style.sweep > 0 else 0.0,
            "seed": float(self.hair_seed), "frame_colour": SPECTACLES[self.glasses[1]] if self.glasses else (0, 0, 0),
        }  # fmt: skip


def _style(rng: random.Random, is_man: bool, age: float, skin: float) -> str:
    often = {name: style.men if is_man else style.women for name, style in STYLES.items()}
    if skin < 3:
        often["afro"] = 0
    if age > 0.6:
        often["bald"] *= 3
    return rng.choices(list(often), list(often.values()))[0]


def _hair(rng: random.Random, age: float, skin: float) -> str:
    if age > 0.6:
        return rng.choice(("grey", "grey", "white"))
    if skin > 3.3:
        return rng.choices(("black", "dark brown"), (3, 1))[0]
    return rng.choices(list(HAIR), [often for _, often in HAIR.values()])[0]


def _hairline(rng: random.Random, is_man: bool, age: float, style: str) -> Hairline:
    if is_man:
        return Hairline(
            round(rng.uniform(-0.02, 0.06), 2), round(rng.uniform(0.06, 0.16) + 0.3 * max(age - 0.5, 0), 2)
        )
    if style in ("bob", "long", "wavy", "pixie", "long curls") and rng.random() < 0.6:
        fringe, sweep = rng.choice(((0.34, 0.0), (0.26, 0.8), (0.26, -0.8), (0.16, 0.5)))
        return Hairline(0.0, 0.0, fringe, sweep)
    return Hairline(0.0, 0.04)


def _iris(rng: random.Random, skin: float) -> str:
    return rng.choice(("dark brown", "brown")) if skin > 2.5 else rng.choice(list(IRISES))


def _glasses(rng: random.Random, age: float) -> tuple[str, str] | None:
    if rng.random() > (0.45 if age > 0.6 else 0.2):
        return None
    return rng.choice(("round", "square", "oval")), rng.choice(list(SPECTACLES))
