"""What the meters of a video found, as one picture over its time."""

from __future__ import annotations

from PIL import Image

from .continuity import Continuity
from .plots import Line, Panel, Point, draw, time_ticks

COLOURS_WITHIN, SEAMS_UP_TO = 3.0, 3.0  # what the axes show at least: LAB units, usual changes


def draw_drift(found: Continuity) -> Image.Image:
    """L, a, b of each second minus the reference's; under it each window's identity; under it the seams at joins."""
    times = time_ticks(max(found.windows[-1].end, len(found.colours) - 1) if found.windows else 1.0)
    panels = [
        Panel(colour_lines(found), times, -COLOURS_WITHIN, COLOURS_WITHIN),
        Panel([Line("likeness (1 = identical)", identity_points(found))], times),
    ]
    if found.joins:
        panels.append(Panel([Line("seams (1 = usual change)", seam_points(found))], times, 0, SEAMS_UP_TO))
    return draw(panels)


def colour_lines(found: Continuity) -> list[Line]:
    centres = [second + 0.5 for second in range(len(found.colours))]
    return [
        Line(
            f"{name} - reference's",
            [
                (x, None if means is None else means[i])
                for x, means in zip(centres, found.colours, strict=True)
            ],
        )
        for i, name in enumerate("Lab")
    ]


def identity_points(found: Continuity) -> list[Point]:
    """A flat piece for each window."""
    pieces = [((w.start, w.identity), (w.end, w.identity), (w.end, None)) for w in found.windows]
    return [point for piece in pieces for point in piece]


def seam_points(found: Continuity) -> list[Point]:
    """A stem at each join."""
    stems = [((j.seconds, 0.0), (j.seconds, j.seam), (j.seconds, None)) for j in found.joins]
    return [point for stem in stems for point in stem]
