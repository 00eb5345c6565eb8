"""Curves land where their values are."""

from __future__ import annotations

import numpy as np
import pytest

from skyreels_core.evaluation.continuity import Continuity, JoinFigure, WindowFigure
from skyreels_core.evaluation.drift_plot import draw_drift
from skyreels_core.evaluation.plots import (
    COLOURS,
    HEIGHT,
    MARGIN,
    WIDTH,
    Line,
    Panel,
    draw,
    ticks,
    time_ticks,
    to_image,
    unbroken,
)

AXIS = [(0.0, "0"), (10.0, "10")]


def where(picture, colour):
    """Rows and columns of a line's pixels, without its name."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((np.asarray(picture) == rgb).all(-1))
    below = rows % HEIGHT > MARGIN - 3
    return rows[below], columns[below]


def test_a_line_lies_between_its_ends():
    picture = draw([Panel([Line("rises", [(0, 0.0), (10, 1.0)])], AXIS)])
    rows, columns = where(picture, COLOURS[0])
    assert picture.size == (WIDTH, HEIGHT)
    assert abs(columns.min() - MARGIN) <= 2 and abs(columns.max() - (WIDTH - MARGIN)) <= 2
    assert rows[columns < 60].min() > rows[columns > 580].max()


def test_an_interruption_stays_empty():
    picture = draw([Panel([Line("gap", [(0, 0.5), (4, 0.5), (4, None), (6, 0.5), (10, 0.5)])], AXIS)])
    _, columns = where(picture, COLOURS[0])
    middle = (WIDTH // 2 - 20, WIDTH // 2 + 20)
    assert not ((columns > middle[0]) & (columns < middle[1])).any() and len(columns)
    assert unbroken([(0, None), (1, 2), (2, None), (3, None)]) == [[(1, 2)]]


def test_panels_stand_under_each_other_and_hold_what_lies_outside_their_axis():
    panels = [
        Panel([Line("low", [(0, -5.0), (10, -5.0)])], AXIS),
        Panel([Line("high", [(0, 9.0), (10, 9.0)])], AXIS),
    ]
    picture = draw(panels)
    rows, _ = where(picture, COLOURS[0])
    assert picture.size == (WIDTH, 2 * HEIGHT)
    assert [panel.limits()[0] for panel in panels] == [-5, 0] and panels[1].limits()[1] > 9
    assert all(MARGIN - 2 <= row % HEIGHT <= HEIGHT - MARGIN + 2 for row in rows)
    assert to_image(picture).shape == (1, 2 * HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("limits", [(0, 1.15), (-3, 3.9), (0, 5.75), (0, 0.07), (-400, 2500)])
def test_ticks_are_few_and_round(limits):
    values = ticks(*limits)
    assert 2 <= len(values) <= 7 and limits[0] <= values[0] and values[-1] <= limits[1]


@pytest.mark.parametrize("seconds", [0.04, 1.0, 2.28, 59.9, 61.0, 600.0, 3600.0])
def test_time_goes_from_the_beginning_to_the_end(seconds):
    marks = time_ticks(seconds)
    assert marks[0][0] == 0 and marks[-1][0] == seconds and len(marks) <= 8
    assert marks == sorted(marks)


def test_what_the_meters_found_is_one_picture():
    windows = tuple(WindowFigure(t, t + 4.0, 0.9 - t / 100) for t in range(0, 12, 3))
    joins = tuple(JoinFigure(float(t), 1.5) for t in (3, 4, 6, 7, 9, 10))
    found = Continuity(windows, joins, (*[(0.1, 0.0, -0.1)] * 12, None), (0.0,) * 3, (0.0,) * 3)
    assert draw_drift(found).size == (WIDTH, 3 * HEIGHT)
    alone = Continuity(windows[:1], (), ((0.0, 0.0, 0.0),), (0.0,) * 3, (0.0,) * 3)
    assert draw_drift(alone).size == (WIDTH, 2 * HEIGHT)
    assert draw_drift(Continuity((), (), (), (0.0,) * 3, (0.0,) * 3)).size == (WIDTH, 2 * HEIGHT)
