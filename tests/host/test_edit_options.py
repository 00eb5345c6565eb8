"""In a real host, what is wired beside a video that is edited, or beside its latent, is never another run's."""

from __future__ import annotations

import json

import pytest
from family_list import EDITING

demo = pytest.mark.skipif("SkyReels-Audio" not in EDITING, reason="of another family")
two_speakers = pytest.mark.skipif("InfiniteTalk" not in EDITING, reason="of another family")
with_masks_and_pinned = pytest.mark.parametrize(
    "kind", [pytest.param("clip vision", marks=demo), pytest.param("pinned clip vision", marks=two_speakers)]
)


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    run_in_host("edit_options_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@with_masks_and_pinned
def test_another_clip_vision_model_is_another_run(found, kind):
    inputs = found[kind]["inputs"]
    assert inputs["one"] != inputs["other"] and inputs["one"] == inputs["one again"]
    assert inputs["without"] == {name: inputs["one"][name] for name in inputs["one"] if name != "clip_vision"}
    assert "clip_vision" not in inputs["without"]  # such runs are found again


@with_masks_and_pinned
def test_what_another_clip_vision_model_saw_is_not_used_again(found, kind):
    assert found[kind]["other's features"] and found[kind]["the same again"]


@two_speakers
def test_the_area_of_each_of_two_speakers_is_stretched_as_the_video_is(found):
    rows, quarter = range(4), [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]]
    assert found["areas"] == [[columns for _ in rows] for columns in quarter]


@demo
@pytest.mark.parametrize(
    "wired", ["nothing", "audio and fps", "its own fps", "fps alone", "frames of a batch"]
)
def test_over_faster_footage_a_latent_is_saved_at_its_rate_whatever_is_wired(found, wired):
    saved = found["saved"][wired]
    assert (saved["fps"], saved["frames"]) == (60, 31) and saved["last moves"]
    assert saved["sound"] == pytest.approx(31 / 60, abs=0.1)


@demo
@pytest.mark.parametrize("wired", ["short audio", "short audio alone"])
def test_over_faster_footage_a_shorter_voice_ends_the_video(found, wired):
    saved = found["saved"][wired]
    assert (saved["fps"], saved["frames"]) == (60, 15)
    assert "16 frames after the end of the voice are trimmed." in saved["report"]


@demo
def test_another_rate_than_the_footings_is_said(found):
    line = "sampled at 25 fps for a video of 60 fps, whose rate the result keeps: the 25 fps that were given"
    said = {name: line in saved["report"] for name, saved in found["saved"].items()}
    assert said["audio and fps"] and said["frames of a batch"]
    assert not said["nothing"] and not said["its own fps"] and not said["short audio alone"]


@demo
@pytest.mark.parametrize("generated", ["16", "29.97"])
def test_the_rate_that_is_named_is_the_one_that_was_generated(found, generated):
    (line,) = found["said of rates"][generated]
    assert (
        f"sampled at {generated} fps for a video of 60 fps" in line and "the 24 fps that were given" in line
    )
    assert found["said of rates"]["its own"] == []
