"""Hair styles as solids: each is a function of the grid's points that is negative within the hair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .easing import smooth_step
from .field import Field
from .hairline import Hairline


class Around:
    """The grid around the head, and the shapes from which styles are put together; lengths in dm."""

    def __init__(self, field: Field, line: Hairline, seed: int):
        self.distance, self.line = field.distance, line
        self.x, self.y, self.z = np.moveaxis(field.points, -1, 0)
        self.foot = field.foot
        self.above = line.above(field.foot)
        self.phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 6)
        self.top = smooth_step(7.6, 8.3, self.foot[..., 1])
        self.angle = np.arctan2(self.x, self.z - 0.1)

    def shell(self, thickness: np.ndarray | float, soft: float = 0.12) -> np.ndarray:
        """A layer on the scalp that runs out at the hairline."""
        grown = smooth_step(-0.04, soft, self.above)
        return self.distance - (thickness * grown - 0.06 * (1 - grown))

    def ball(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        x, y, z = ((p - c) / r for p, c, r in zip((self.x, self.y, self.z), centre, radii, strict=True))
        return (np.sqrt(x * x + y * y + z * z) - 1) * min(radii)

    def locks(self, count: float, twist: float = 1.2) -> np.ndarray:
        """Ridges -1..1 that fall from the crown."""
        a, b, c = self.phases[:3]
        ridges = np.sin(count * self.angle + 2 * np.sin(2 * self.angle + a) + twist * self.y + b)
        return 0.7 * ridges + 0.3 * np.sin(1.7 * count * self.angle + c - 2 * twist * self.y)

    def curls(self, size: float) -> np.ndarray:
        """Round bumps -1..1 of about `size` dm."""
        k = 2 * np.pi / size
        a, b, c = self.phases[:3]
        warp = 0.3 * size * np.sin(k * 0.37 * (self.x + self.y + self.z) + a)
        waves = (np.sin(k * (p + warp) + s) for p, s in zip((self.x, self.y, self.z), (a, b, c), strict=True))
        u, v, w = waves
        return (u * v + v * w + w * u) / 1.5

    def face(self, width: float = 0.66, bottom: float = 6.95) -> np.ndarray:
        """The room in front of the face that hanging hair leaves free."""
        return self.ball((0, bottom, 1.75), (width, 1.02, 1.25))


def _merged(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    share = (0.5 + 0.5 * (b - a) / blend).clip(0, 1)
    return b * (1 - share) + a * share - blend * share * (1 - share)


def _common(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    return -_merged(-a, -b, blend)


def _crop(s: Around) -> np.ndarray:
    forehead = smooth_step(0.5, 1.2, s.foot[..., 2])
    return s.shell(
        0.02 + s.top * (0.10 + 0.07 * forehead + 0.035 * s.curls(0.36)) + 0.012 * s.locks(17), soft=0.3
    )


def _side_part(s: Around) -> np.ndarray:
    parting = np.exp(-(((s.foot[..., 0] - 0.34) / 0.06) ** 2)) * smooth_step(0.1, 0.5, s.foot[..., 2])
    lifted = smooth_step(0.45, -0.3, s.foot[..., 0]) * smooth_step(0.4, 1.2, s.foot[..., 2])
    thickness = 0.05 + s.top * (0.13 + 0.12 * lifted - 0.10 * parting)
    return s.shell(
        thickness + 0.02 * np.sin(15 * s.foot[..., 2] + 3 * s.foot[..., 0] + s.phases[0]) * s.top, soft=0.18
    )


def _quiff(s: Around) -> np.ndarray:
    forehead = smooth_step(0.35, 1.25, s.foot[..., 2]) * smooth_step(7.85, 8.15, s.foot[..., 1])
    return s.shell(0.04 + s.top * 0.12 + 0.26 * forehead + 0.025 * s.locks(15) * s.top, soft=0.16)


def _slick(s: Around) -> np.ndarray:
    return s.shell(0.08 + 0.05 * s.top + 0.014 * np.sin(26 * s.foot[..., 0] + s.phases[0]) * s.top, soft=0.16)


def _short_curls(s: Around) -> np.ndarray:
    return s.shell(0.07 + 0.13 * s.top + 0.06 * s.curls(0.30) * (0.4 + 0.6 * s.top), soft=0.16)


def _pixie(s: Around) -> np.ndarray:
    return s.shell(0.10 + 0.10 * s.top + 0.025 * s.locks(13, 2.0), soft=0.14)


def _bob(s: Around) -> np.ndarray:
    shape = _common(s.ball((0, 7.2, 0.12), (1.05, 1.28, 1.07)) - 0.016 * s.locks(15), -s.face(), 0.12)
    cut = 6.38 + 0.1 * s.z + 0.02 * s.locks(21, 0) - s.y
    return _merged(s.shell(0.11 + 0.016 * s.locks(15)), _common(shape, cut, 0.12), 0.08)


def _hanging(s: Around, end: float, wave: float) -> np.ndarray:
    sway = wave * np.sin(5.5 * s.y + 2 * np.sin(2 * s.angle + s.phases[0])) * smooth_step(7.6, 6.6, s.y)
    column = s.ball((0, 6.6, -0.08), (1.08, 1.95, 0.86)) - 0.02 * s.locks(17, 0.6) - sway
    opened = _common(column, -s.ball((0, 6.6, 1.62), (0.70, 1.5, 1.36)), 0.12)
    cut = end + 0.03 * s.locks(19, 0) - s.y
    return _merged(
        s.shell(0.11 + 0.014 * s.locks(17)), _common(_common(opened, cut, 0.2), s.y - 8.2, 0.2), 0.12
    )


def _long(s: Around) -> np.ndarray:
    return _hanging(s, 5.15, 0.0)


def _wavy(s: Around) -> np.ndarray:
    return _hanging(s, 5.45, 0.06)


def _bun(s: Around) -> np.ndarray:
    knot = s.ball((0, 8.60, -0.12), (0.38, 0.33, 0.38)) + 0.014 * np.sin(
        8 * np.arctan2(s.z + 0.15, s.x) + 9 * s.y
    )
    return _merged(s.shell(0.075 + 0.01 * s.locks(23)), knot, 0.1)


def _ponytail(s: Around) -> np.ndarray:
    tail = s.ball((0.62, 6.5, -0.35), (0.30, 0.95, 0.26)) + 0.02 * np.sin(14 * s.x + 4 * s.y)
    knot = s.ball((0.1, 7.75, -0.85), (0.30, 0.28, 0.26))
    return _merged(s.shell(0.08 + 0.01 * s.locks(23)), np.minimum(tail, knot), 0.1)


def _afro(s: Around) -> np.ndarray:
    cloud = s.ball((0, 7.75, 0.2), (1.16, 1.10, 1.10)) - 0.035 * s.curls(0.34)
    return _merged(s.shell(0.10), _common(cloud, -s.face(), 0.15), 0.1)


def _long_curls(s: Around) -> np.ndarray:
    cloud = s.ball((0, 7.05, 0.0), (1.14, 1.45, 0.98)) - 0.06 * s.curls(0.36)
    opened = _common(cloud, -s.ball((0, 6.8, 1.66), (0.66, 1.25, 1.30)), 0.12)
    return _merged(s.shell(0.13 + 0.05 * s.curls(0.32)), _common(opened, 5.75 - s.y, 0.2), 0.1)


@dataclass(frozen=True)
class Style:
    """`sweep`: 0 strands fall from the crown, 1 they are combed sideways, -1 back."""

    caption: str
    volume: Callable[[Around], np.ndarray] | None
    women: float  # how often women wear it
    men: float
    sweep: float = 0.0
    curl: bool = False
    hides_ears: bool = False
    scalp: float = 1.0  # how dark the painted stubble under it is


STYLES = {
    "bald": Style("a bald head", None, 0, 0.5, scalp=0.0),
    "buzz": Style("very short {} hair", None, 0.2, 1.5, scalp=0.92),
    "crop": Style("short cropped {} hair", _crop, 0, 2.5, sweep=-0.7, scalp=0.8),
    "side part": Style("short side-parted {} hair", _side_part, 0, 2.5, sweep=1.0),
    "quiff": Style("short swept-up {} hair", _quiff, 0, 2, sweep=-1.0),
    "slick": Style("slicked-back {} hair", _slick, 0, 1, sweep=-1.0),
    "short curls": Style("short curly {} hair", _short_curls, 1, 2, curl=True),
    "pixie": Style("a {} pixie cut", _pixie, 1, 0.5),
    "bob": Style("a {} bob", _bob, 2.5, 0, hides_ears=True),
    "long": Style("long straight {} hair", _long, 2.5, 0.4, hides_ears=True),
    "wavy": Style("long wavy {} hair", _wavy, 2.5, 0.3, hides_ears=True),
    "bun": Style("{} hair in a bun", _bun, 1.5, 0.1),
    "ponytail": Style("{} hair in a ponytail", _ponytail, 1.5, 0.1),
    "afro": Style("a {} afro", _afro, 1, 0.6, curl=True, hides_ears=True),
    "long curls": Style("long curly {} hair", _long_curls, 2, 0.1, curl=True, hides_ears=True),
}
