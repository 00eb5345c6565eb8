"""SkyReels-V3 A2V by key frames in the host: what each window is shown was decoded before, and a voice that one pass
holds is the ordinary result. A small random network in ComfyUI's own modules."""

from __future__ import annotations

import json
import re

import pytest

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("key_frames")
    run_in_host("key_frames_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(found):
    return found["three windows"]


class TestThreeWindows:
    def test_the_video_has_exactly_the_frames_of_the_voice(self, made):
        assert made["shape"] == [200, 32, 32, 3]
        assert made["finite"]

    def test_it_is_the_windows_without_their_tails_and_what_they_took_over(self, made):
        assert made["joined"] == 0

    def test_each_is_shown_the_end_of_the_one_before_and_its_key_frame(self, made):
        """In every forward, as they were decoded; the mask as published, each frame for itself."""
        assert made["another overview"] > 0.1
        assert len(made["latents"]) == len(made["masks"]) == 6
        assert max(made["masks"]) == 0
        assert max(made["latents"]) <= TOLERANCE

    def test_what_is_taken_over_stays_and_the_portrait_is_left_free(self, made):
        first, *later = made["started"]
        assert first > 0.1
        assert max(later) <= TOLERANCE

    def test_the_windows_have_a_text_of_their_own(self, made):
        assert made["forwards"] == 8  # of the planning pass and three windows, two steps each
        assert made["texts"] == [7, 7] + [11] * 6

    def test_the_report_says_the_key_frames(self, made):
        assert "2 steps of euler, shift 11" in made["report"]
        assert "3 windows, each sampled towards one of its key frames 31, 55, 80." in made["report"]


def test_windows_hear_their_own_part_of_the_voice(found):
    assert found["voices"]["before"] == 0
    assert found["voices"]["after"] > 0.01


def test_with_colours_matched_it_is_as_long(found):
    assert found["voices"]["finite"] and found["voices"]["frames"] == 200


def test_a_voice_that_one_pass_holds_is_the_ordinary_result(found):
    assert found["one window"]["plain"] <= TOLERANCE
    assert found["one window"]["matched"] <= TOLERANCE
    assert found["one window"]["report"].startswith("The whole voice fits into one pass.")


def test_it_can_be_cancelled_in_a_later_pass(found):
    assert found["cancelled"] == 3


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("infinitetalk", "Give the model of Load SkyReels-V3 A2V"),
        ("no voice", "Wire it through MultiTalk Animation"),
        ("batch", "one video at a time"),
        ("length", "voice and picture need"),
    ],
)
def test_a_mistake_ends_in_a_sentence(found, mistake, says):
    assert re.search(says, found["mistakes"][mistake])
