from __future__ import annotations

import numpy as np
import pytest

from skyreels_core.media.clock import Clock, ascending, in_order, read_clock

TICK = 1 / 90000  # of most containers, seconds
NTSC = 1000 / 1001


def random(low: float, high: float, count: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(low, high, count)


def clock(times, stated=(), step: float = TICK, end: float = 0.0) -> Clock:
    times = np.asarray(times, float)
    steady, _ = ascending(times, float(np.median(np.diff(times))) if len(times) > 1 else 0.04)
    return read_clock(steady, end, stated, step)


def lacking(rate: float, count: int, *lost: int) -> np.ndarray:
    return np.array([frame for frame in range(count) if frame not in lost]) / rate


@pytest.mark.parametrize("rate", [12, 23.976, 24 * NTSC, 24, 25, 30 * NTSC, 30, 50, 60 * NTSC, 60, 120])
@pytest.mark.parametrize("step", [TICK, 1 / 600, 1 / 1000])
def test_a_steady_clock_keeps_the_stated_rate_and_every_frame(rate, step):
    found = clock(np.round(np.arange(200) / rate / step) * step, [rate], step)
    assert found.fps == rate and found.frame_indices.tolist() == list(range(200))


@pytest.mark.parametrize("rate", [24, 25, 30 * NTSC, 30, 50, 60])
def test_lost_frames_leave_the_rate_and_the_frame_before_is_shown_instead(rate):
    times = lacking(rate, 100, 20, 21, 60)
    found = clock(times, [len(times) / times[-1]])
    assert found.fps == pytest.approx(rate, rel=1e-9)
    assert found.frame_indices[18:23].tolist() == [18, 19, 19, 19, 20] and len(found.frame_indices) == 100


def test_a_still_keeps_the_rate_of_what_moves():
    found = clock(np.concatenate([np.arange(60) / 60, 4 + np.arange(60) / 60]), [23.88])
    assert (found.fps, len(found.frame_indices), found.held, found.lost(120)) == (60, 300, 180, 0)


def test_the_last_frame_lasts_as_long_as_the_file_says():
    assert len(clock(np.arange(25) / 25, [25], end=3.0).frame_indices) == 75
    assert len(clock(np.arange(25) / 25, [25], end=1.0).frame_indices) == 25
    assert len(clock([0.0], [0.1], end=10.0).frame_indices) == 250


def test_a_container_that_states_twice_the_rate_is_not_believed():
    assert clock(np.arange(12) * 2 / 50, [50, 25], 1 / 50, 0.48).fps == 25
    assert clock(np.arange(24) / 30, [60]).fps == 30


@pytest.mark.parametrize(("count", "late"), [(150, 3), (122, 1), (300, 151), (40, 20)])
def test_one_odd_step_of_a_coarse_clock_leaves_the_usual_rate(count, late):
    ticks = 2 * np.arange(count) + (
        np.arange(count) >= late
    )  # as in AVI that was cut without encoding it again
    found = clock(ticks / 50, (50.0,), 1 / 50)
    assert found.fps == pytest.approx(25, abs=1e-9) and len(set(found.frame_indices)) == count


def test_a_stated_rate_that_nobody_uses_is_kept_by_a_coarse_clock():
    assert clock(np.arange(300) / 24.9, (24.9,), 1 / 24.9).fps == pytest.approx(24.9)


@pytest.mark.parametrize("step", [TICK, 1 / 1000])
def test_a_browser_that_stamps_some_milliseconds_off_loses_no_frame(step):
    times = 0.35 + lacking(30, 300, *range(7, 300, 20))
    times = np.round(np.concatenate([[0], times + random(-0.004, 0.004, len(times))]) / step) * step
    found = clock(times, [30.0], step)
    assert found.fps == 30 and found.lost(len(times)) == 0


@pytest.mark.parametrize("rate", [15, 25, 30 * NTSC, 30])
def test_an_uneven_recording_has_the_rate_that_its_clock_ticks_at_and_not_its_average(rate):
    times = np.arange(120) / rate + random(-0.2, 0.2, 120) / rate
    found = clock(times - times[0], [0.9967 * rate])
    assert found.fps == rate and found.frame_indices.tolist() == list(range(120))


def test_a_phone_whose_clock_is_slow_keeps_its_own_rate_without_a_lost_or_repeated_frame():
    found = clock(np.arange(18000) / 29.963 + random(-0.002, 0.002, 18000), [29.96, 30])
    assert found.fps == pytest.approx(29.963, rel=1e-4)
    assert found.frame_indices.tolist() == list(range(18000))


@pytest.mark.parametrize(
    ("times", "most"),
    [
        (np.concatenate([np.arange(240) / 24, 10 + np.arange(300) / 30]), 30),
        (np.concatenate([np.arange(240) / 25, 9.6 + np.arange(300) / 50]), 50),
        (np.cumsum(0.04 + 0.008 * np.sin(np.arange(400) / 20)), 30),
        (np.cumsum(random(0.03, 0.07, 400)), 30),
    ],
    ids=["24 then 30", "25 then 50", "a camera in the dark", "any"],
)
def test_stamps_without_a_grid_get_a_usual_rate_that_shows_every_frame_about_when_it_was(times, most):
    times = times - times[0]
    found = clock(times)
    starts = np.searchsorted(found.frame_indices, np.arange(len(times))) / found.fps
    assert found.fps <= most and found.lost(len(times)) == 0
    assert np.abs(starts - times).max() < 1.01 / found.fps


def test_slides_are_shown_often_enough_for_lips():
    found = clock(np.arange(5) * 2.0, [0.5], end=10.0)
    assert found.fps >= 24 and len(found.frame_indices) == round(10 * found.fps)


def test_joined_parts_follow_one_another():
    steady, jumps = ascending(
        np.concatenate([np.arange(50), np.arange(50), 10**6 + np.arange(50)]) / 25, 0.04
    )
    assert jumps == 2 and np.allclose(steady, np.arange(150) / 25)


def test_stamps_in_no_order_are_told_from_those_of_joined_parts():
    assert in_order(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]) / 25)
    assert not in_order(np.array([2, 8, 6, 10, 4, 16, 14, 18, 12, 22]) / 50)
    assert not in_order(np.array([0.0, np.nan, 0.08]))
