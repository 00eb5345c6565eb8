"""Guidance over the steps, as a picture for the node."""

from __future__ import annotations

from torch import Tensor

from ..skyreels_core.evaluation.plots import Line, Panel, draw, to_image
from ..skyreels_core.sampling.guidance import Schedule

POINTS = 400
PROGRESS = [(x, f"{x:.0%}") for x in (0, 0.25, 0.5, 0.75, 1)]


def draw_schedules(schedules: dict[str, Schedule]) -> Tensor:
    """Curves over the progress of the steps, 0..100 %: [1 h w 3] in 0..1."""
    progress = [index / (POINTS - 1) for index in range(POINTS)]
    lines = [Line(name, [(p, schedule(p)) for p in progress]) for name, schedule in schedules.items()]
    return to_image(draw([Panel(lines, PROGRESS)]))
