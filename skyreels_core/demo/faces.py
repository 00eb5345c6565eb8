"""Drawn talking faces: a seeded identity, its movements and the picture of both."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from .curves import MouthCurves
from .drawing import Canvas, box, capsule, ellipse

HAIR = {
    "black": (0.13, 0.11, 0.13), "brown": (0.38, 0.23, 0.14), "blond": (0.88, 0.71, 0.36),
    "red": (0.70, 0.28, 0.12), "grey": (0.62, 0.62, 0.64), "blue": (0.22, 0.36, 0.68),
}  # fmt: skip
SKIN = {"fair": (0.96, 0.80, 0.70), "tan": (0.87, 0.66, 0.50), "brown": (0.70, 0.50, 0.38)}
BACKGROUND = {
    "blue": (0.50, 0.68, 0.86), "green": (0.56, 0.76, 0.62), "pink": (0.93, 0.72, 0.76),
    "yellow": (0.95, 0.86, 0.58), "violet": (0.70, 0.64, 0.86), "grey": (0.76, 0.77, 0.79),
}  # fmt: skip
SHIRT = {
    "white": (0.93, 0.93, 0.92), "navy": (0.20, 0.26, 0.44), "green": (0.25, 0.50, 0.40),
    "red": (0.74, 0.26, 0.27), "orange": (0.90, 0.56, 0.28),
}  # fmt: skip
STYLES = ("short", "long", "bun")
MOODS = {"happy": 1.0, "calm": 0.0, "sad": -1.0}
MOUTH_INSIDE = torch.tensor([0.26, 0.06, 0.09])
TONGUE = torch.tensor([0.50, 0.15, 0.19])
CHUNK = 4  # frames painted together: they stay in the processor's cache
ZOOM = 1.22  # of the head in the picture
EYES_Y, EYES_X, NOSE_Y, MOUTH_Y, CHIN_Y = -0.08, 0.165, 0.12, 0.30, 0.56


@dataclass(frozen=True)
class Identity:
    """Who is drawn: names for the caption, small geometric differences for the rest."""

    hair: str
    style: str
    skin: str
    background: str
    shirt: str
    mood: str
    face_width: float
    face_length: float
    eye_spacing: float
    mouth_width: float
    eye_colour: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: random.Random) -> Identity:
        eyes = rng.choice([(0.25, 0.42, 0.60), (0.30, 0.45, 0.30), (0.36, 0.23, 0.14)])
        names = (HAIR, STYLES, SKIN, BACKGROUND, SHIRT, MOODS)
        hair, style, skin, background, shirt, mood = (rng.choice(list(known)) for known in names)
        ranges = (0.37, 0.43), (0.94, 1.05), (0.92, 1.1), (0.92, 1.12)
        width, length, spacing, mouth = (rng.uniform(lo, hi) for lo, hi in ranges)
        return cls(hair, style, skin, background, shirt, mood, width, length, spacing, mouth, eyes)

    @property
    def caption(self) -> str:
        """The sentence that a text encoder is given."""
        return (
            f"a {self.mood} person with {self.style} {self.hair} hair and {self.skin} skin, "
            f"{self.shirt} shirt, {self.background} background"
        )


@dataclass(frozen=True)
class Motion:
    """Everything about the head that moves, per frame [f]: offsets in half heights, roll in radians, blink 0..1."""

    dx: Tensor
    dy: Tensor
    roll: Tensor
    zoom: Tensor
    pan: Tensor
    blink: Tensor
    gaze: Tensor
    brow: Tensor

    @classmethod
    def draw(cls, rng: np.random.Generator, curves: MouthCurves, fps: float) -> Motion:
        """Sway, blinks and glances at random; brows and head also nod along with the voice."""
        frames = len(curves.opening)
        emphasis = gaussian_filter1d(curves.opening, 0.16 * fps)
        noise = _Wander(rng, frames, fps)
        return cls(
            dx=noise(1.1, 0.035),
            dy=noise(0.9, 0.02) + torch.from_numpy(0.03 * emphasis),
            roll=noise(1.2, 0.05),
            zoom=ZOOM + noise(3.0, 0.02),
            pan=noise(3.0, 0.03),
            blink=_blinks(rng, frames, fps),
            gaze=noise(0.5, 0.012),
            brow=noise(0.6, 0.15) + torch.from_numpy(emphasis),
        )

    def slice(self, first: int, frames: int) -> Motion:
        return Motion(*(getattr(self, f.name)[first : first + frames] for f in fields(self)))


class _Wander:
    """Smooth noise of a given correlation time and standard deviation."""

    def __init__(self, rng: np.random.Generator, frames: int, fps: float):
        self.rng, self.frames, self.fps = rng, frames, fps

    def __call__(self, seconds: float, deviation: float) -> Tensor:
        sigma = seconds * self.fps / 2
        pad = int(4 * sigma) + 1
        white = self.rng.standard_normal(self.frames + 2 * pad)
        smooth = gaussian_filter1d(white, sigma)[pad : pad + self.frames] * np.sqrt(
            2 * np.sqrt(np.pi) * sigma
        )
        return torch.from_numpy((deviation * smooth.clip(-2.2, 2.2)).astype(np.float32))


def _blinks(rng: np.random.Generator, frames: int, fps: float) -> Tensor:
    time = np.arange(frames) / fps
    blink, at = np.zeros(frames), rng.uniform(0.2, 3.0)
    while at < time[-1] + 0.2:
        blink = np.maximum(blink, np.clip(1.5 - np.abs(time - at) / 0.08, 0, 1))
        at += rng.uniform(1.2, 4.0)
    return torch.from_numpy(blink.astype(np.float32))


@dataclass(frozen=True)
class DrawnFace:
    """frames [f h w 3] in 0..1; landmarks [f 68 2] in pixels, iBUG order."""

    frames: Tensor
    landmarks: Tensor


def draw_face(identity: Identity, motion: Motion, curves: MouthCurves, size: int) -> DrawnFace:
    """The face speaking `curves` [f] while it moves by `motion` [f], size x size pixels."""
    firsts = range(0, len(curves.opening), CHUNK)
    parts = [_draw(identity, motion.slice(i, CHUNK), curves.slice(i, CHUNK), size) for i in firsts]
    return DrawnFace(torch.cat([p.frames for p in parts]), torch.cat([p.landmarks for p in parts]))


def _draw(identity: Identity, motion: Motion, curves: MouthCurves, size: int) -> DrawnFace:
    column = {f.name: getattr(motion, f.name)[:, None, None] for f in fields(motion)}
    opening, width = (torch.from_numpy(c)[:, None, None] for c in (curves.opening, curves.width))
    canvas = Canvas(len(opening), size)
    painter = _Painter(identity, canvas, column, opening, width)
    painter.backdrop()
    painter.head()
    painter.eyes()
    painter.mouth()
    return DrawnFace(canvas.image.clamp(0, 1), painter.landmarks(size))


class _Painter:
    def __init__(
        self, identity: Identity, canvas: Canvas, motion: dict[str, Tensor], opening: Tensor, width: Tensor
    ):
        self.who, self.canvas, self.motion, self.opening = identity, canvas, motion, opening
        self.pose = (motion["dx"], 0.08 + motion["dy"], motion["roll"], motion["zoom"])
        self.x, self.y = canvas.posed(*self.pose)
        self.mouth_rx = 0.165 * identity.mouth_width * (0.7 + 0.3 * width)
        self.mouth_ry = 0.012 + 0.125 * opening
        self.mouth_cy = MOUTH_Y + 0.35 * self.mouth_ry
        self.chin = CHIN_Y * identity.face_length + 0.06 * opening
        self.eye_x = EYES_X * identity.eye_spacing
        self.brow_y = EYES_Y - 0.155 - 0.035 * motion["brow"]

    def backdrop(self) -> None:
        canvas, colour = self.canvas, torch.tensor(BACKGROUND[self.who.background])
        x, y = canvas.x - self.motion["pan"], canvas.y
        light = 1.06 - 0.16 * ((x + 0.5).square() + (y + 0.6).square()).sqrt()
        canvas.image[:] = (colour * light[..., None]).clamp(0, 1)
        hair = torch.tensor(HAIR[self.who.hair])
        if self.who.style == "long":
            canvas.paint(
                canvas.cover(box(self.x, self.y, 0, 0.12, self.who.face_width + 0.1, 0.66, 0.4)), hair * 0.85
            )
        shirt = torch.tensor(SHIRT[self.who.shirt])
        sway = self.motion["dx"] * 0.3
        canvas.paint(canvas.cover(ellipse(canvas.x, canvas.y, sway, 1.24, 0.86, 0.44)), shirt)
        skin = torch.tensor(SKIN[self.who.skin])
        canvas.paint(canvas.cover(box(self.x, self.y, 0, 0.58, 0.145, 0.26, 0.12)), skin * 0.86)

    def head(self) -> None:
        canvas, who = self.canvas, self.who
        skin, hair = torch.tensor(SKIN[who.skin]), torch.tensor(HAIR[who.hair])
        if who.style == "bun":
            canvas.paint(canvas.cover(ellipse(self.x, self.y, 0, -0.66, 0.17, 0.15)), hair)
        for side in (-1, 1):
            canvas.paint(
                canvas.cover(ellipse(self.x, self.y, side * (who.face_width + 0.01), 0.02, 0.06, 0.1)),
                skin * 0.9,
            )
        lower = ellipse(self.x, self.y, 0, -0.02, who.face_width, self.chin + 0.02)
        upper = ellipse(self.x, self.y, 0, -0.02, who.face_width, 0.5)
        face = torch.where(self.y > -0.02, lower, upper)
        shade = 1.03 - 0.12 * (self.x / 0.4 + 0.3).square()[..., None].clamp(0, 1)
        canvas.paint(canvas.cover(face), (skin * shade).clamp(0, 1))
        blush = skin * torch.tensor([1.0, 0.80, 0.78])
        for side in (-1, 1):
            canvas.paint(0.5 * canvas.cover(ellipse(self.x, self.y, side * 0.25, 0.14, 0.09, 0.06), 8), blush)
        crown = ellipse(self.x, self.y, 0, -0.06, who.face_width + 0.045, 0.52)
        hairline = -0.30 + 0.9 * (self.x * (1 if who.style == "bun" else 0.8) - 0.04).square() - self.y
        canvas.paint(canvas.cover(torch.maximum(crown, -hairline)), hair)

    def eyes(self) -> None:
        canvas, open_ = self.canvas, 1 - 0.85 * self.motion["blink"]
        skin, hair = torch.tensor(SKIN[self.who.skin]), torch.tensor(HAIR[self.who.hair])
        tilt = 0.035 * MOODS[self.who.mood]
        for side in (-1, 1):
            cx = side * self.eye_x
            lid = ellipse(self.x, self.y, cx, EYES_Y, 0.092, 0.062 * open_)
            lid = torch.maximum(lid, (self.x - cx).abs() - 0.092)
            canvas.paint(canvas.cover(lid - 0.016), skin * 0.55)
            canvas.paint(canvas.cover(lid), torch.tensor([0.97, 0.97, 0.96]))
            iris = ellipse(self.x, self.y, cx + self.motion["gaze"], EYES_Y, 0.048, 0.048)
            canvas.paint(canvas.cover(torch.maximum(iris, lid)), torch.tensor(self.who.eye_colour) * 0.7)
            outer, inner = self.brow_y + 0.02 + tilt * 0.5, self.brow_y - tilt * 0.5
            brow = capsule(self.x, self.y, cx - 0.075 * side, inner, cx + 0.08 * side, outer, 0.02)
            canvas.paint(0.9 * canvas.cover(brow), hair * 0.8)
        nose = capsule(self.x, self.y, 0.01, NOSE_Y - 0.09, 0.014, NOSE_Y, 0.026)
        canvas.paint(0.55 * canvas.cover(nose, 3), skin * 0.78)

    def mouth(self) -> None:
        canvas, skin = self.canvas, torch.tensor(SKIN[self.who.skin])
        bend = 1.1 * MOODS[self.who.mood] * self.x.square()
        y = self.y + bend
        lips = skin * torch.tensor([0.86, 0.55, 0.55])
        canvas.paint(
            canvas.cover(ellipse(self.x, y, 0, self.mouth_cy, self.mouth_rx + 0.035, self.mouth_ry + 0.032)),
            lips,
        )
        inside = ellipse(self.x, y, 0, self.mouth_cy, self.mouth_rx, self.mouth_ry)
        visible = canvas.cover(inside) * (0.35 + 3 * self.opening).clamp_max(1)
        canvas.paint(visible, MOUTH_INSIDE)
        tongue = ellipse(
            self.x, y, 0, self.mouth_cy + 0.85 * self.mouth_ry, 0.6 * self.mouth_rx, 0.5 * self.mouth_ry
        )
        canvas.paint(visible * canvas.cover(tongue, 3) * (2 * self.opening).clamp_max(1), TONGUE)

    def landmarks(self, size: int) -> Tensor:
        """iBUG-68 points of the drawn features, carried through the head's pose."""
        points = torch.cat([self._jaw(), self._brows(), self._nose(), self._eyes(), self._lips()], 1)
        dx, dy, roll, zoom = (p[..., 0] for p in self.pose)
        cos, sin = torch.cos(roll), torch.sin(roll)
        x, y = points.unbind(-1)
        x, y = (x * cos - y * sin) * zoom + dx, (x * sin + y * cos) * zoom + dy
        return (torch.stack([x, y], -1) + 1) * size / 2

    def _ring(self, count: int, first: float, last: float, cx, cy, rx, ry) -> Tensor:
        angle = torch.linspace(first, last, count)[None]
        x, y = torch.broadcast_tensors(cx + rx * torch.cos(angle), cy + ry * torch.sin(angle))
        return torch.stack([x, y], -1).expand(len(self.opening), -1, -1)

    def _jaw(self) -> Tensor:
        return self._ring(17, torch.pi, 0, 0, -0.02, self.who.face_width, self.chin[..., 0] + 0.02)

    def _brows(self) -> Tensor:
        x = torch.cat(
            [torch.linspace(-0.08, 0.075, 5) - self.eye_x, torch.linspace(-0.075, 0.08, 5) + self.eye_x]
        )
        y = self.brow_y[..., 0].expand(-1, 10)
        return torch.stack([x.expand_as(y), y], -1)

    def _nose(self) -> Tensor:
        x = torch.tensor([0, 0, 0, 0, -0.06, -0.03, 0, 0.03, 0.06])
        y = torch.cat([torch.linspace(EYES_Y, NOSE_Y, 4), torch.full((5,), NOSE_Y + 0.03)])
        return torch.stack([x, y], -1).expand(len(self.opening), -1, -1)

    def _eyes(self) -> Tensor:
        height = 0.062 * (1 - 0.85 * self.motion["blink"][..., 0])
        rings = [
            self._ring(7, torch.pi, 3 * torch.pi, side * self.eye_x, EYES_Y, 0.092, height)
            for side in (-1, 1)
        ]
        return torch.cat([ring[:, :6] for ring in rings], 1)

    def _lips(self) -> Tensor:
        rx, ry, cy = self.mouth_rx[..., 0], self.mouth_ry[..., 0], self.mouth_cy[..., 0]
        outer = self._ring(13, torch.pi, 3 * torch.pi, 0, cy, rx + 0.035, ry + 0.032)[:, :12]
        inner = self._ring(9, torch.pi, 3 * torch.pi, 0, cy, rx, ry)[:, :8]
        lips = torch.cat([outer, inner], 1)
        bend = 1.1 * MOODS[self.who.mood] * lips[..., 0].square()
        return torch.stack([lips[..., 0], lips[..., 1] - bend], -1)
