from __future__ import annotations

import json

import pytest
import torch

from skyreels_core.conditioning.pose import Keypoints, from_pose_keypoint, to_pose_keypoint
from skyreels_core.errors import InputError


@pytest.fixture
def two_frames(face_points):
    """Two people, then nobody."""
    people = torch.stack([face_points(x=60), face_points(x=200)])
    scores = torch.linspace(0.2, 1, 68).expand(2, 68)
    return Keypoints((torch.cat([people, scores[..., None]], -1), torch.zeros(0, 68, 3)), 256, 192)


def same(one, other):
    assert (one.width, one.height) == (other.width, other.height)
    for first, second in zip(one.faces, other.faces, strict=True):
        torch.testing.assert_close(first, second, atol=1e-3, rtol=0)  # written to a thousandth of a pixel


def test_what_is_written_is_read_back(two_frames):
    same(from_pose_keypoint(to_pose_keypoint(two_frames), 256, 192), two_frames)


def test_a_face_is_written_as_70_points_whose_last_two_are_the_pupils(two_frames):
    face = to_pose_keypoint(two_frames)[0]["people"][0]["face_keypoints_2d"]
    assert face[68 * 3 :: 3] == [40, 80] and face[68 * 3 + 1 :: 3] == [70, 70] and len(face) == 210


def test_a_json_file_is_read(two_frames, tmp_path):
    path = tmp_path / "Größe.json"
    path.write_text(json.dumps(to_pose_keypoint(two_frames)), encoding="utf-8")
    same(from_pose_keypoint(path, 256, 192), two_frames)
    same(from_pose_keypoint(str(path), 256, 192), two_frames)


def test_a_single_frame_needs_no_list(two_frames):
    pose = from_pose_keypoint(to_pose_keypoint(two_frames)[0], 256, 192)
    assert len(pose.faces) == 1 and len(pose.faces[0]) == 2


def test_canvas_pixels_become_video_pixels(two_frames):
    scaled = from_pose_keypoint(to_pose_keypoint(two_frames), 512, 96)
    expected = two_frames.faces[0] * torch.tensor([2, 0.5, 1])
    torch.testing.assert_close(scaled.faces[0], expected, atol=1e-3, rtol=0)


def test_fractions_of_the_canvas_are_recognised(two_frames):
    frames = to_pose_keypoint(two_frames)
    for person in frames[0]["people"]:
        points = torch.tensor(person["face_keypoints_2d"]).reshape(-1, 3) / torch.tensor([256, 192, 1])
        person["face_keypoints_2d"] = points.flatten().tolist()
    same(from_pose_keypoint(frames, 256, 192), two_frames)


def test_people_without_a_face_and_faces_of_68_points_are_accepted(two_frames):
    frame = to_pose_keypoint(two_frames)[0]
    frame["people"][0]["face_keypoints_2d"] = None
    frame["people"][1]["face_keypoints_2d"] = frame["people"][1]["face_keypoints_2d"][:204]
    (faces,) = from_pose_keypoint(frame, 256, 192).faces
    torch.testing.assert_close(faces, two_frames.faces[0][1:], atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "pose", [[{"people": []}], [{"canvas_width": 1, "canvas_height": 1}], 3, ["frame"], {"people": [None]}]
)
def test_anything_else_is_refused(pose):
    with pytest.raises(InputError, match="POSE_KEYPOINT"):
        from_pose_keypoint(pose, 64, 64)


def test_a_face_of_another_length_is_refused(two_frames):
    frame = to_pose_keypoint(two_frames)[0]
    frame["people"][0]["face_keypoints_2d"] = [1.0] * 15
    with pytest.raises(InputError, match="68 or 70"):
        from_pose_keypoint(frame, 64, 64)


def test_a_file_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "pose.json"
    with pytest.raises(InputError, match=r"pose\.json"):
        from_pose_keypoint(path, 64, 64)
    path.write_text("{")
    with pytest.raises(InputError, match=r"pose\.json"):
        from_pose_keypoint(path, 64, 64)


def test_keypoints_of_more_frames_are_cut_and_of_fewer_refused(two_frames):
    assert len(two_frames.cut(1).faces) == 1 and two_frames.cut(2) == two_frames
    with pytest.raises(InputError, match="keypoints of 2 frames, the video has 3"):
        two_frames.cut(3)
