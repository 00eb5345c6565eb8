"""The plan of a long video by key frames, beside the numbers that the published code gives."""

from __future__ import annotations

import pytest

from skyreels_core.families.multitalk.key_frames import MOTION, frames_made, plan_key_frames


@pytest.mark.parametrize("frames", [1, 40, 81])
def test_what_one_pass_holds_needs_no_windows(frames):
    assert plan_key_frames(frames) == ()


@pytest.mark.parametrize(
    ("frames", "keys"),
    [
        (82, [44, 80]),  # ends at frames 80 and 144 of a video of 145
        (145, [44, 80]),
        (146, [31, 55, 80]),  # 80, 144 and 208
        (209, [31, 55, 80]),
        (273, [24, 42, 61, 80]),  # 80, 144, 208 and 272
    ],
)
def test_a_window_is_led_to_the_same_share_of_the_planning_pass(frames, keys):
    assert [window.key for window in plan_key_frames(frames)] == keys


@pytest.mark.parametrize("frames", [82, 145, 146, 400, 5000])
def test_what_the_windows_keep_is_every_frame_once(frames):
    plan = plan_key_frames(frames)
    kept = [frame for window in plan for frame in range(window.start + 81)[window.start :][window.kept]]
    assert kept == list(range(frames_made(plan)))
    assert frames <= len(kept) < frames + 64


def test_a_window_starts_with_frames_that_the_one_before_keeps():
    for window, after in zip(plan_key_frames(400), plan_key_frames(400)[1:], strict=False):
        assert window.start + window.taken_over.start == after.start
        assert window.taken_over.stop == window.kept.stop
        assert after.kept.start == after.motion == MOTION


def test_the_first_window_starts_with_the_portrait_and_the_last_has_no_tail():
    first, *_, last = plan_key_frames(400)
    assert (first.start, first.motion) == (0, 1)
    assert last.kept.stop == 81 and last.last and not first.last
