"""In a real host, the nodes around the sampler do to the bundled video what the core does."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from skyreels_core import assets
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import from_pose_keypoint
from skyreels_core.media.colour import unify_clip
from skyreels_core.media.compositing import composite_clip
from skyreels_core.media.reading import read_video
from skyreels_core.media.region import feather

ROUNDING = 1e-5  # the host's libraries may order float32 sums otherwise


@pytest.fixture(scope="module")
def folder(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    run_in_host("edit_nodes_in_host.py", folder)
    return folder


@pytest.fixture(scope="module")
def facts(folder):
    with safe_open(folder / "result.safetensors", "pt") as file:
        return json.loads(file.metadata()["facts"])


@pytest.fixture(scope="module")
def made(folder):
    return load_file(folder / "result.safetensors")


@pytest.fixture(scope="module")
def video():
    return read_video(assets.video())


@pytest.fixture(scope="module")
def faces(video):
    return face_masks(from_pose_keypoint(assets.keypoints(), 96, 96), video.fps)


def test_the_nodes_load_without_what_only_the_command_line_needs(facts):
    assert facts["forbidden"] == []


def test_every_input_and_output_has_a_tooltip(facts):
    assert facts["undocumented"] == []


def test_dwpose_files_are_listed_from_a_folder_that_the_host_may_not_know(facts):
    assert facts["nothing_listed"] == ["yolox_l.onnx"]  # its usual name, for the run to say where it belongs
    assert facts["listed"] == ["another.onnx", "dwpose/yolox_l.onnx"]
    assert facts["chosen"] == ["dwpose/yolox_l.onnx", "dw-ll_ucoco_384.onnx"]
    assert facts["default_folder"].endswith("detection")


def test_the_extensions_of_a_folder_that_the_host_knows_stay(facts):
    expected = facts["extensions_before"] or [".onnx", ".safetensors"]
    assert set(expected) <= set(facts["extensions"])
    assert not facts["extensions_before"] or facts["extensions"] == facts["extensions_before"]


def test_what_dwpose_lacks_is_said(facts):
    assert "pip install onnxruntime" in facts["no_model"] or "ONNX model" in facts["no_model"]


def test_keypoints_give_the_masks_of_the_core(made, faces, facts):
    assert torch.equal(made["mask"], faces.boxes) and torch.equal(made["lips"], faces.lips)
    assert facts["report"] == faces.summary


def test_the_preview_shows_the_mask_and_nothing_else(made, video):
    changed = (made["preview"] != video.frames).any(-1)
    assert not changed[made["mask"] + made["lips"] == 0].any()
    assert changed[made["mask"] == 1].float().mean() > 0.99


def test_a_region_is_the_mask(made):
    assert torch.equal(made["region"], made["mask"])


def test_the_faces_of_a_video_file_give_the_same_region_and_no_mask_of_its_length(made, facts):
    assert torch.equal(made["file_region"], made["mask"])
    for what, sentence in zip(("mask", "lips"), facts["withheld"], strict=True):
        assert f"has no {what} for a VIDEO" in sentence and "Connect region" in sentence


def test_the_preview_of_a_video_file_is_some_of_its_frames(made, video, faces):
    shown = range(0, 111, 7)
    changed = (made["file_preview"] != video.frames[shown]).any(-1)
    assert len(made["file_preview"]) == 16
    assert not changed[made["mask"][shown] + made["lips"][shown] == 0].any() and changed.any()


def test_a_video_file_is_taken_at_its_own_rate(facts):
    assert "12 frames interpolated" in facts["bridged"]  # 0.48 s at its 25 frames a second


def test_a_video_file_is_read_with_progress_and_can_be_cancelled(facts):
    assert facts["heard_of_file"] == 111 and facts["file_cancelled"]


def test_a_part_of_a_video_has_its_frames_alone(facts):
    assert facts["part"] == [50, 96, 96]


def test_faces_are_found_with_progress_and_can_be_cancelled(facts):
    assert facts["found"] and facts["heard"] == list(range(20))
    assert facts["cancelled_after"] == 0


def test_keypoints_win_over_dwpose_and_the_report_says_so(facts):
    assert "keypoints are used" in facts["both"]


def test_only_frames_with_a_gap_are_listed(facts):
    assert [line.split(":")[0] for line in facts["away"][1:]] == [f"frame {index}" for index in range(30, 60)]
    assert "frames 30-59" in facts["away_error"]


def test_mistakes_with_faces_get_a_sentence(facts):
    assert "Connect Load DWPose, Load YuNet, or keypoints" in facts["no_source"]
    assert "keypoints of 5 frames, the video has 111" in facts["too_few"]
    assert "the video has 1" in facts["nobody_second"]


def test_an_edit_of_another_size_is_composited_as_in_the_core(made, video, faces, facts):
    generated = 1 - video.frames[:40, ::2, ::2]
    expected = composite_clip(generated, video.frames, faces.boxes)
    torch.testing.assert_close(made["composited"], expected.frames, atol=ROUNDING, rtol=0)
    assert facts["composited"] == str(expected)
    outside = feather(faces.boxes[:40], 3) == 0
    assert torch.equal(made["composited"][outside], video.frames[:40][outside])


def test_one_mask_serves_all_frames_and_no_feather_is_a_hard_edge(made, video, faces):
    outside = faces.boxes[0] == 0
    assert made["hard"].shape == (40, 96, 96, 3)
    shown = video.frames[torch.arange(40).clamp(max=29)]
    assert torch.equal(made["hard"][:, outside], shown[:, outside])


def test_a_mask_of_another_size_gets_a_sentence(facts):
    assert "The mask is [111, 48, 96]" in facts["small_mask"]


def test_colours_are_unified_as_in_the_core(made, video, facts):
    expected = unify_clip(made["darker"], video.frames[:1], video.fps)
    torch.testing.assert_close(made["unified"], expected.frames, atol=1e-4, rtol=0)
    assert facts["unified"].startswith("111 of 111 frames measured. Drift over the clip")
    assert "cropped to 96x96" in facts["fitted"]
    assert "none of the frames" in facts["lone_mask"]


def test_a_talking_video_is_as_long_as_the_voice(made, video, facts):
    frames = -(-facts["voice_seconds"] * 25 // 1)
    assert len(made["kept"]) == frames < len(video.frames)
    assert torch.equal(made["kept"], video.frames[: int(frames), :95])
    assert made["waveform"].shape == (1, 2, round(frames / 25 * 16000))  # three channels become two
    assert facts["rate"] == "25"


def test_a_talking_video_is_as_long_as_its_frames_where_they_are_fewer(made, facts):
    assert facts["short_rate"] == "30000/1001"
    assert made["short_waveform"].shape[-1] == round(30 * 1.001 / 30 * 16000)


def test_the_host_writes_the_video_even_where_a_side_is_odd(folder, made):
    assert made["images"].shape[1:3] == (96, 96)
    assert torch.equal(made["images"][:, 95], made["kept"][:, 94])
    written = read_video(folder / "talking.mp4")
    assert written.frames.shape == made["images"].shape and written.fps == 25
    assert abs(written.audio.seconds - written.seconds) < 0.1
