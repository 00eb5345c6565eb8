from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from skyreels_core.conditioning.pose import Keypoints, from_pose_keypoint, to_pose_keypoint
from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames, VideoFile
from skyreels_core.media.reading import fit


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
    scaled = from_pose_keypoint(to_pose_keypoint(two_frames), 512, 384)
    expected = two_frames.faces[0] * torch.tensor([2, 2, 1])
    torch.testing.assert_close(scaled.faces[0], expected, atol=1e-3, rtol=0)


def on_canvas(pose, width, height):
    return [frame | {"canvas_width": width, "canvas_height": height} for frame in pose]


@pytest.mark.parametrize(
    ("canvas", "video"),
    [
        ((320, 180), (1280, 720)),
        ((854, 480), (1920, 1080)),
        ((1920, 1088), (1920, 1080)),
        ((160, 96), (160, 90)),
    ],
)
def test_a_copy_of_the_same_shape_may_have_rounded_sides(two_frames, canvas, video):
    scaled = from_pose_keypoint(on_canvas(to_pose_keypoint(two_frames), *canvas), *video)
    factors = torch.tensor([video[0] / canvas[0], video[1] / canvas[1], 1])
    torch.testing.assert_close(scaled.faces[0], two_frames.faces[0] * factors, atol=1e-2, rtol=0)


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("video", [(192, 256), (256, 256), (512, 192)])
def test_keypoints_of_another_shape_are_refused(two_frames, tmp_path, video, fractions):
    frames = to_pose_keypoint(two_frames)
    path = tmp_path / "talk.json"
    path.write_text(json.dumps(in_fractions(frames) if fractions else frames))
    says = rf"talk\.json are of 256x192, the video is {video[0]}x{video[1]}\."
    with pytest.raises(InputError, match=says):
        from_pose_keypoint(path, *video)


def test_keypoints_of_a_picture_before_it_is_turned_say_so(two_frames):
    with pytest.raises(InputError, match="rotated by 90 degrees"):
        from_pose_keypoint(to_pose_keypoint(two_frames), 192, 256)


def test_one_frame_of_another_shape_is_enough(two_frames):
    frames = to_pose_keypoint(two_frames)
    frames[1]["canvas_width"] = 400
    with pytest.raises(InputError, match="400x192"):
        from_pose_keypoint(frames, 256, 192)


def in_fractions(frames):
    for person in frames[0]["people"]:
        points = torch.tensor(person["face_keypoints_2d"]).reshape(-1, 3) / torch.tensor([256, 192, 1])
        person["face_keypoints_2d"] = points.flatten().tolist()
    return frames


def test_fractions_of_the_canvas_are_recognised(two_frames):
    frames = in_fractions(to_pose_keypoint(two_frames))
    same(from_pose_keypoint(frames, 256, 192), two_frames)
    same(from_pose_keypoint(on_canvas(frames, 1, 1), 256, 192), two_frames)


def test_people_without_a_face_and_faces_of_68_points_are_accepted(two_frames):
    frame = to_pose_keypoint(two_frames)[0]
    frame["people"][0]["face_keypoints_2d"] = None
    frame["people"][1]["face_keypoints_2d"] = frame["people"][1]["face_keypoints_2d"][:204]
    (faces,) = from_pose_keypoint(frame, 256, 192).faces
    torch.testing.assert_close(faces, two_frames.faces[0][1:], atol=1e-3, rtol=0)


@pytest.mark.parametrize("nothing", [None, [], ...])
def test_bodies_without_faces_say_what_is_missing(two_frames, nothing):
    frames = to_pose_keypoint(two_frames)
    for person in frames[0]["people"]:
        person["face_keypoints_2d"] = nothing
        if nothing is ...:
            del person["face_keypoints_2d"]
    with pytest.raises(InputError, match=r"No face was found: .* people in 1 frames.*only their bodies"):
        from_pose_keypoint(frames, 256, 192)


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
    def video(frames):
        return InMemoryFrames(torch.zeros(frames, 192, 256, 3))

    first, lines = two_frames.over(video(1))
    assert len(first.faces) == 1 and lines[0].startswith(
        "There are keypoints of 2 frames, the video has 1: the first"
    )
    assert two_frames.over(video(2)) == (two_frames, [])
    with pytest.raises(InputError, match="keypoints of 2 frames, the video has 3"):
        two_frames.over(video(3))


def test_keypoints_go_where_fitted_pictures_put_their_faces(two_frames):
    picture = torch.zeros(192, 256, 3)
    picture[95:105, 55:65] = 1  # around the nose tip of the first
    placed, done = fit(picture, 128, 128)
    found = two_frames.placed(done)
    column, row = found.faces[0][0, 30, :2].round().int().tolist()
    assert (found.width, found.height) == (128, 128) and placed[row, column].min() == 1
    assert torch.equal(found.faces[0][..., 2], two_frames.faces[0][..., 2])


def test_keypoints_of_decoded_frames_follow_those_that_are_shown_longer(two_frames, tmp_path):
    video = VideoFile(tmp_path / "talk.mp4", (256, 192), 0, 25.0, np.array([0, 0, 1, 1, 1]), 2, False)
    longer, lines = two_frames.over(video)
    assert [len(faces) for faces in longer.faces] == [2, 2, 0, 0, 0] and lines == []
