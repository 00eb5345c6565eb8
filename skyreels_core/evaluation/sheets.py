"""Videos as one picture: a contact sheet over its curves, and animated WebP or GIF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..files import atomic
from ..media.muxing import to_uint8
from ..media.sound import Audio
from ..media.writing import check_output, frame_rate

CURVE_COLOURS = ("#2f6fb0", "#d1495b", "#3c8d5a", "#8a6bbf")
LABEL_WIDTH, SHEET_WIDTH, CURVE_HEIGHT = 0.9, 10.0, 0.8  # inches
DOTS_PER_INCH = 144
LOUDNESS_RATE = 50  # values a second
TIME_UNITS = {".webp": 1000, ".gif": 100}  # the format's smallest times in a second


@dataclass(frozen=True)
class Curve:
    label: str
    values: Tensor  # [n], evenly spaced over the row's seconds
    # bottom and top of the plot; the smallest and largest value otherwise
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    label: str
    frames: Tensor  # [f h w 3] in 0..1, evenly spaced over the row's seconds
    seconds: float
    curves: tuple[Curve, ...] = ()  # drawn in one plot under the frames, on the same time axis


def loudness(audio: Audio, label: str = "voice") -> Curve:
    """The voice's curve: root mean square of all channels in each 20 ms."""
    bins = audio.samples.square().mean(0).split(max(1, audio.sample_rate // LOUDNESS_RATE))
    return Curve(label, torch.stack([part.mean().sqrt() for part in bins]))


def contact_sheet(path: str | Path, rows: Sequence[Row], columns: int = 8) -> None:
    """PNG of `columns` frames of each row, each over its own time in the curves below it.

    Raises InputError for a path that cannot be written, or without rows or frames.
    """
    path = check_output(path, (".png",))
    if not rows or any(len(row.frames) == 0 for row in rows):
        raise InputError(f"There are no frames to draw on {path}.")
    heights = [height for row in rows for height in _heights(row, columns)]
    figure = Figure((LABEL_WIDTH + SHEET_WIDTH, sum(heights)), dpi=DOTS_PER_INCH, facecolor="white")
    left = LABEL_WIDTH / (LABEL_WIDTH + SHEET_WIDTH)
    grid = GridSpec(
        len(heights),
        1,
        figure,
        left=left,
        right=1 - 0.08 * left,
        top=1,
        bottom=0,
        hspace=0,
        height_ratios=heights,
    )
    cells = (figure.add_subplot(grid[index]) for index in count())
    for row in rows:
        _draw_frames(next(cells), row, columns)
        if row.curves:
            _draw_curves(next(cells), row)
    with atomic(path) as part:
        figure.savefig(part, format="png")


def write_webp(path: str | Path, frames: Iterable[Tensor], fps: float, quality: int = 80) -> None:
    """Frames [h w 3] in 0..1 as an endless animated WebP, or a GIF when the name says so.

    Each frame's time is rounded so that the whole never runs off by more than one unit (1 ms; GIF 10 ms).
    """
    path, rate = check_output(path, tuple(TIME_UNITS)), frame_rate(fps)
    pictures = [Image.fromarray(to_uint8(frame).numpy()) for frame in frames]
    if not pictures:
        raise InputError(f"There are no frames to write to {path}.")
    unit = TIME_UNITS[path.suffix.lower()]
    ends = [round(index * Fraction(unit) / rate) for index in range(len(pictures) + 1)]
    durations = [(end - start) * 1000 // unit for start, end in pairwise(ends)]
    with atomic(path) as part:
        pictures[0].save(
            part,
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
            quality=quality,
            method=6,
        )


def _heights(row: Row, columns: int) -> list[float]:
    height, width = row.frames.shape[1:3]
    frames = SHEET_WIDTH / columns * height / width
    return [frames, CURVE_HEIGHT] if row.curves else [frames]


def _draw_frames(axes: Axes, row: Row, columns: int) -> None:
    shown = ((torch.arange(columns) + 0.5) / columns * len(row.frames)).long()
    strip = torch.cat(list(row.frames[shown]), dim=1)
    axes.imshow(
        to_uint8(strip).numpy(), extent=(0, row.seconds, 0, 1), aspect="auto", interpolation="lanczos"
    )
    axes.set_axis_off()
    axes.text(-0.008, 0.5, row.label, transform=axes.transAxes, ha="right", va="center", fontsize=10)


def _draw_curves(axes: Axes, row: Row) -> None:
    write = partial(axes.text, transform=axes.transAxes, ha="right")
    for index, curve in enumerate(row.curves):
        colour = CURVE_COLOURS[index % len(CURVE_COLOURS)]
        low, high = curve.limits or (float(curve.values.min()), float(curve.values.max()))
        values = (curve.values - low) / max(high - low, 1e-9)
        times = (torch.arange(len(values)) + 0.5) / len(values) * row.seconds
        axes.plot(times, values, color=colour, linewidth=1.3)
        axes.fill_between(times, values, color=colour, alpha=0.15, linewidth=0)
        place = 1 - (index + 0.5) / len(row.curves)
        write(-0.008, place, curve.label, color=colour, va="center", fontsize=9)
    write(1, 0, f"{row.seconds:.1f} s", color="grey", va="bottom", fontsize=7)
    axes.set_xlim(0, row.seconds)
    axes.set_ylim(-0.05, 1.15)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
