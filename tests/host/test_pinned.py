"""In a real host, every family edits a video although most were trained without masks: what is outside stays."""

from __future__ import annotations

import json

import pytest
from family_list import EDITING

each_family = pytest.mark.parametrize("family", EDITING)
# Ours and the host's order float32 sums otherwise; an edit that is not pinned differs by 10 and more.
SAME = 1e-4
SAMPLERS = ("euler", "dpmpp_2m", "the host's dpmpp_2m", "the host's lcm")


@pytest.fixture(scope="module")
def listed(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pinned")
    run_in_host("pinned_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.fixture
def found(listed, family):
    return listed[family]


@each_family
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_pinned_window_is_the_hosts_own_inpainting(found, sampler):
    compared = found["one window"]
    assert compared[sampler]["differs"] <= SAME < compared["free"]
    assert compared[sampler]["outside"] <= SAME


@each_family
def test_a_part_of_the_schedule_begins_from_the_noised_video_as_in_the_host(found):
    compared = found["one window"]["part of the schedule"]
    assert compared["differs"] <= SAME < compared["free"]


@each_family
def test_each_window_has_latents_and_a_mask_from_its_own_first_frame(found):
    windows = found["windows"]
    assert windows["own latents"] <= SAME < windows["not sliced"]
    assert windows["masks"] == [True, True] and windows["outside"] <= SAME


@each_family
def test_each_window_is_conditioned_on_its_own_first_frame(found, family):
    seen = {"HuMo": "reference_latent"}.get(family, "c_concat")
    assert seen in found["windows"]["pictures differ"] and found["windows"]["clip differs"]
    if family == "InfiniteTalk":  # its first latent is that frame too
        assert "skyreels_multitalk_motion" in found["windows"]["pictures differ"]


@each_family
def test_a_cut_edit_resumes_to_the_same_numbers_and_steps_can_be_reused(found):
    resumed = found["resumed"]
    assert resumed["differs"] == 0 and resumed["forwards"] < resumed["planned"]
    assert resumed["cached"] < resumed["planned"]


@each_family
def test_the_saved_video_is_the_source_outside_the_mask_and_the_report_says_what_happened(found):
    saved = found["saved"]
    assert saved["frames"] == 29 and saved["outside"] <= 0.5 / 255 + 1e-6  # 8 bits of a file
    assert "composited: outside the mask nothing changed" in saved["report"]
    for measure in ("dB before compositing", "from the source", "step over its edge"):
        assert measure in saved["report"]


@each_family
def test_faster_footage_keeps_its_rate_while_the_region_is_generated_at_the_familys(found):
    faster = found["faster"]
    assert faster["generated"] == 25 and (faster["fps"], faster["frames"]) == (60, 31)
    assert faster["outside"] <= 0.5 / 255 + 1e-6
    assert "blended to the video's own frames" in faster["report"]


@pytest.mark.parametrize("family", [name for name in EDITING if name == "InfiniteTalk"])
def test_of_two_speakers_the_silent_one_stays_as_in_the_video(found):
    talk = found["two speakers"]
    assert talk["silent"] == 0 < talk["speaking"]
    assert "connect a mask of each one's face in the video" in talk["no mask"]


@each_family
def test_mistakes_get_a_sentence(found, family):
    mistakes = found["mistakes"]
    assert "give a mask of the same size with a frame for each frame" in mistakes["small mask"]
    assert "a frame for each frame" in mistakes["few masks"]
    assert "nothing would be regenerated" in mistakes["no face"]
    assert "denoise strength" in mistakes["strength"]
    assert (
        mistakes["key frames"] is None
        or "Video Edit Lip-Sync to SkyReels Audio Sampler" in mistakes["key frames"]
    )
