"""Other detectors' points as the 68 that the boxes are made of."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
import torch

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.landmarks import MESH, from_face_landmarks, of_five_points, of_mesh
from skyreels_core.conditioning.lower_face import in_profile, lower_face_box
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.conditioning.yunet import YuNet
from skyreels_core.errors import InputError


def mesh_of(face):
    """A face mesh whose points at the 68 are those of a face [68 2]."""
    mesh = np.zeros((478, 2), np.float32)
    mesh[list(MESH)] = face
    return mesh


def five(face):
    eyes = face[36:42].mean(0), face[42:48].mean(0)
    return torch.stack([*eyes, face[30], face[48], face[54]])


def seen(face):
    return face[:, :2].where(face[:, 2:] > 0, torch.nan)


def test_each_point_of_the_68_is_another_one_of_the_mesh(face_points):
    assert len(set(MESH)) == 68
    face = of_mesh(mesh_of(face_points()))
    torch.testing.assert_close(face[:, :2], face_points())
    assert (face[:, 2] == 1).all()


def test_the_box_of_five_points_is_that_of_the_68_within_15_percent_of_the_eyes_distance(face_points):
    points = face_points(x=150, y=90, scale=1.5)
    whole, few = lower_face_box(points), lower_face_box(seen(of_five_points(five(points))))
    assert (whole - few).abs()[:2].max() <= 0.15 * 60 and abs(float(whole[2] - few[2])) <= 0.15 * 60


def test_five_points_of_a_rolled_head_roll_the_box(face_points):
    angle = 0.5
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    box = lower_face_box(seen(of_five_points(five(face_points(0, 0) @ turn))))
    torch.testing.assert_close(box[3:], torch.tensor([math.cos(angle), math.sin(angle)]), atol=0.02, rtol=0)


def test_in_profile_the_mouth_and_not_the_eyes_tells_where_down_is():
    face = of_five_points(torch.tensor([[100.0, 100], [106, 104], [85, 130], [92, 155], [96, 156]]))
    box = lower_face_box(seen(face))
    assert in_profile(seen(face)) and box[4].abs() < 0.25 and box[3] > 0.9


def test_points_of_a_detector_that_knows_five_give_boxes_and_no_lips(face_points):
    faces = tuple(of_five_points(five(face_points(x=150 + i, y=100)))[None] for i in range(8))
    masks = face_masks(Keypoints(faces, 320, 256), 25.0)
    assert masks.boxes.flatten(1).any(1).all() and masks.lips.max() == 0


def frame(*faces):
    return [{"landmarks_xy": mesh_of(face), "score": 0.9} for face in faces]


def test_face_landmarks_of_comfyui_are_scaled_to_the_video(face_points):
    value = {
        "image_size": (128, 160),
        "frames": [frame(face_points()), [], frame(face_points(), face_points(x=50))],
    }
    found = from_face_landmarks(value, 320, 256)
    assert [len(faces) for faces in found.faces] == [1, 0, 2]
    torch.testing.assert_close(found.faces[0][0, :, :2], 2 * face_points())


@pytest.mark.parametrize(
    "value", [None, {}, {"image_size": (9, 9), "frames": [[{}]]}, {"image_size": (0, 9), "frames": []},
              {"image_size": (9, 9), "frames": [[{"landmarks_xy": np.zeros((5, 2))}]]}],
)  # fmt: skip
def test_what_is_no_face_landmarks_is_refused(value):
    with pytest.raises(InputError, match="not in FACE_LANDMARKS form"):
        from_face_landmarks(value, 320, 256)


def test_face_landmarks_of_a_turned_video_are_refused(face_points):
    with pytest.raises(InputError, match="rotated by 90 degrees"):
        from_face_landmarks({"image_size": (320, 256), "frames": [frame(face_points())]}, 320, 256)


def test_a_missing_file_says_which_one_yunet_is(tmp_path):
    with pytest.raises(InputError, match="YuNet is one file"):
        YuNet(tmp_path / "yunet.onnx")


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_what_is_no_model_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "yunet.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"yunet\.onnx cannot be used as YuNet"):
        YuNet(tmp_path / "yunet.onnx")


def test_another_model_is_refused_with_its_name(tmp_path):
    picture = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 320, 320])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, 320, 320])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "other", [picture], [other])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(InputError, match=r"other\.onnx cannot be used as YuNet"):
        YuNet(tmp_path / "other.onnx")
