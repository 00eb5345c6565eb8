"""Where hair and beard grow, in base coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .easing import smooth_step

# dm, from the nape past the ear, the sideburn and the temple to the forehead
LINE_Z = (-0.60, -0.25, -0.05, 0.13, 0.40, 0.52, 0.66, 0.84, 1.10, 1.35, 1.50)
LINE_Y = (6.45, 6.55, 6.95, 7.36, 7.36, 7.16, 7.22, 7.58, 7.84, 7.99, 8.04)


@dataclass(frozen=True)
class Hairline:
    lift: float = 0.0  # dm, all of it higher
    recession: float = 0.0  # dm, how far the temples recede
    fringe: float = 0.0  # dm, how far hair falls onto the forehead
    sweep: float = 0.0  # -1..1, to which side the fringe is combed

    def above(self, places: np.ndarray) -> np.ndarray:
        """How far places [... 3] lie above the hairline, dm; negative on the face."""
        x, y, z = np.moveaxis(places, -1, 0)
        front = smooth_step(0.75, 1.2, z)
        line = np.interp(z, LINE_Z, LINE_Y) + self.lift * smooth_step(0.0, 0.9, z)
        temples = (
            smooth_step(0.16, 0.42, np.abs(x))
            * smooth_step(0.66, 0.48, np.abs(x))
            * smooth_step(0.85, 1.1, z)
        )
        fall = 1 + 0.75 * self.sweep * np.clip(x / 0.5, -1, 1) + 0.12 * np.sin(9 * x + 1)
        return y - line - self.recession * temples + self.fringe * front * np.maximum(fall, 0)


BEARDS = ("stubble", "moustache", "goatee", "short beard", "full beard")


def beard_mask(kind: str | None, places: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """How densely a beard grows at places [n 3], in 0..1."""
    if kind is None:
        return np.zeros(len(places), np.float32)
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    moustache = (
        smooth_step(0.33, 0.18, x)
        * smooth_step(6.63, 6.70, y + 0.05 * x)
        * smooth_step(6.86, 6.77, y + 0.22 * x)
    )
    moustache *= smooth_step(1.2, 1.3, z) * (1 - 0.45 * smooth_step(0.06, 0.0, x))
    chin = smooth_step(0.30, 0.16, x) * smooth_step(6.53, 6.44, y + 0.10 * x) * smooth_step(1.05, 1.25, z)
    bridge = (
        0.6 * np.exp(-(((x - 0.30 + 0.25 * (6.6 - y)) / 0.05) ** 2)) * smooth_step(6.74, 6.66, y) * (y > 6.4)
    )
    cheek_line = np.interp(x, [0.25, 0.36, 0.5, 0.62, 0.74], [6.50, 6.66, 6.78, 7.02, 7.30])
    jaw = (
        smooth_step(0.08, -0.10, y - cheek_line)
        * smooth_step(0.30, 0.48, z)
        * smooth_step(0.20, 0.26, x)
        * (0.65 + 0.35 * smooth_step(0.6, 1.1, z))
    )
    under = smooth_step(-0.10, 0.02, y - 6.19 - 0.42 * (1.35 - z).clip(0))  # ends at the edge of the jaw
    jaw = jaw * np.where(y > 6.75, smooth_step(0.73, 0.68, x), 1)  # not on the ears
    whole = np.maximum.reduce([moustache, chin, bridge, jaw]) * under
    parts = {"moustache": moustache, "goatee": np.maximum.reduce([moustache, chin, bridge]) * under}
    return (parts.get(kind, whole) * (1 - (3 * lips).clip(0, 1)) * (z > 0.2)).astype(np.float32)
