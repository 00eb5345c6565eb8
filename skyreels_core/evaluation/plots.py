"""Curves as a picture, drawn with Pillow: panels under each other, each over an axis of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

WIDTH, HEIGHT, MARGIN = 640, 300, 44  # pixels, of a panel
NAME_WIDTH = 140  # pixels
PAPER, INK, GRID = "#1e1e22", "#c8c8d0", "#3a3a42"
COLOURS = ("#e0607e", "#5b9bd5", "#70ad6f", "#c9a227")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_TICKS = 6
HEADROOM = 0.15  # above the highest value, of the axis

Point = tuple[float, float | None]  # None: the line is interrupted


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Panel:
    lines: Sequence[Line]
    x_ticks: Sequence[tuple[float, str]]  # the first and the last are the ends of the axis
    bottom: float = 0.0  # of the axis, unless a value lies below
    top: float = 1.0  # unless a value lies above

    def limits(self) -> tuple[float, float]:
        values = [y for line in self.lines for _, y in line.points if y is not None]
        bottom, top = min([self.bottom, *values]), max([self.top, *values])
        return bottom, top + HEADROOM * (top - min(bottom, 0))


def draw(panels: Sequence[Panel], width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """One picture, `width` wide, each panel `height` high."""
    picture = Image.new("RGB", (width, height * len(panels)), PAPER)
    for index, panel in enumerate(panels):
        _draw_panel(ImageDraw.Draw(picture), panel, (0, height * index, width, height * (index + 1)))
    return picture


def to_image(picture: Image.Image) -> Tensor:
    """[1 h w 3] in 0..1"""
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)[None]


def _draw_panel(pen: ImageDraw.ImageDraw, panel: Panel, box: tuple[int, int, int, int]) -> None:
    (bottom, top), font = panel.limits(), ImageFont.load_default(16)
    left, right = panel.x_ticks[0][0], panel.x_ticks[-1][0]
    inner_left, inner_top, inner_right, inner_bottom = (
        box[0] + MARGIN, box[1] + MARGIN, box[2] - MARGIN, box[3] - MARGIN
    )  # fmt: skip

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            inner_left + (x - left) / ((right - left) or 1) * (inner_right - inner_left),
            inner_bottom - (y - bottom) / (top - bottom) * (inner_bottom - inner_top),
        )

    for x, text in panel.x_ticks:
        pen.line([place(x, bottom), place(x, top)], fill=GRID)
        pen.text(place(x, bottom), text, fill=INK, font=font, anchor="ma")
    for value in ticks(bottom, top):
        pen.line([place(left, value), place(right, value)], fill=GRID)
        pen.text((inner_left - 8, place(left, value)[1]), f"{value:g}", fill=INK, font=font, anchor="rm")
    for index, (line, colour) in enumerate(zip(panel.lines, COLOURS, strict=False)):
        for part in unbroken(line.points):
            pen.line([place(x, y) for x, y in part], fill=colour, width=3)
        pen.text((inner_left + NAME_WIDTH * index, box[1] + 12), line.name, fill=colour, font=font)


def unbroken(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The parts of a line between its interruptions."""
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            parts.append([])
        else:
            parts[-1].append((x, y))
    return [part for part in parts if part]


def ticks(bottom: float, top: float) -> list[float]:
    """Three to six round values between two limits."""
    step = next((s for s in STEPS if (top - bottom) / s <= MOST_TICKS), STEPS[-1])
    return [round(step * n, 10) for n in range(math.ceil(bottom / step), int(top / step) + 1)]


def time_ticks(seconds: float) -> list[tuple[float, str]]:
    """Round times from the beginning to the end of a video."""
    step = next((s for s in (1, 2, 5, 10, 30, 60, 120, 300, 600) if seconds / s <= MOST_TICKS), 900)
    inner = [(t, clock(t)) for t in range(0, math.ceil(seconds), step) if not t or seconds - t > step / 2]
    return [*inner, (seconds, clock(seconds))]


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}" if seconds >= 60 else f"{round(seconds, 1):g} s"
