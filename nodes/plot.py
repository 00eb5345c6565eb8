"""Guidance over the steps, as a picture for the node."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..skyreels_core.sampling.guidance import Schedule

WIDTH, HEIGHT, MARGIN = 640, 300, 44  # pixels
POINTS = 400
PAPER, INK, GRID = "#1e1e22", "#c8c8d0", "#3a3a42"
COLOURS = ("#e0607e", "#5b9bd5", "#70ad6f", "#c9a227")


def draw_schedules(schedules: dict[str, Schedule]) -> Tensor:
    """Curves over the progress of the steps, 0..100 %: [1 h w 3] in 0..1."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    progress = np.linspace(0, 1, POINTS)
    curves = {name: [schedule(p) for p in progress] for name, schedule in schedules.items()}
    top = max(1.0, *(max(values) for values in curves.values())) * 1.15
    bottom = min(0.0, *(min(values) for values in curves.values()))

    def place(x: float, value: float) -> tuple[float, float]:
        inner = HEIGHT - 2 * MARGIN
        return MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - (value - bottom) / (top - bottom) * inner

    for x in (0, 0.25, 0.5, 0.75, 1):
        draw.line([place(x, bottom), place(x, top)], fill=GRID)
        draw.text(place(x, bottom), f"{x:.0%}", fill=INK, font=font, anchor="ma")
    for value in ticks(bottom, top):
        draw.line([place(0, value), place(1, value)], fill=GRID)
        draw.text((MARGIN - 8, place(0, value)[1]), f"{value:g}", fill=INK, font=font, anchor="rm")
    for values, colour in zip(curves.values(), COLOURS, strict=False):
        draw.line([place(*point) for point in zip(progress, values, strict=True)], fill=colour, width=3)
    for place_of_name, (name, colour) in enumerate(zip(curves, COLOURS, strict=False)):
        draw.text((MARGIN + 140 * place_of_name, 12), name, fill=colour, font=font)
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)[None]


def ticks(bottom: float, top: float) -> list[float]:
    """Three to six round values between two limits."""
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if (top - bottom) / s <= 6 or s == 1000)
    first = int(np.ceil(bottom / step))
    return [step * n for n in range(first, int(top / step) + 1)]
