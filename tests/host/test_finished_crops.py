"""In a real host, the latents of a face crop's shots become one video with its voice and its report."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crops")
    run_in_host("face_crop_in_host.py", folder)
    return json.loads((folder / "found.json").read_text())


def test_each_shot_of_a_pinned_edit_says_what_happened_around_its_mask(found):
    shots = [line for line in found["pinned"]["report"] if line.startswith("Frames ")]
    assert len(shots) == 2 and all("Edit: " in line and "before compositing" in line for line in shots)
    assert not any("Edit: " in line for line in found["both"]["report"])


def test_faster_footage_is_measured_at_the_videos_frames(found):
    assert found["faster"]["spans"] == [[2, 22]] and found["faster"]["joins"] == 0
    assert found["both"]["spans"][0] == [0, 9] and found["both"]["spans"][-1] == [15, 24]


@pytest.mark.parametrize("case", ["voiceless", "a later shot alone"])
def test_shots_that_were_sampled_without_their_own_span_of_the_voice_are_refused(found, case):
    refused = found[case]["refused"]
    assert "carries only the voice of its shot" in refused and "to the audio of Face Crop" in refused
    assert "this node" not in refused


@pytest.mark.parametrize("case", ["voice at the end", "the first shot", "the first shot with its voice"])
def test_a_shot_that_begins_with_the_voice_needs_no_more(found, case):
    assert found[case]["report"]


def test_inputs_that_a_face_crop_does_not_use_are_named_and_change_nothing(found):
    line = "Connected, but not used for a face crop: {}."
    assert line.format("fps, reference, source, mask") in found["connected"]["report"]
    assert line.format("reference") in found["portrait"]["report"]
    assert not any("not used" in line for line in found["both"]["report"])
    assert found["connected"]["digest"] == found["portrait"]["digest"] == found["both"]["digest"]
