"""Toy ONNX models at the shapes of the real ones, which find whatever is pure blue."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from skyreels_core.conditioning.dwpose import DWPose
from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames

CELLS = 8400
BOX_SIDE = 64.0  # pixels of the detector's canvas


def save(path, nodes, constants, input_shape, outputs):
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def save_detector(path, objectness_nodes, constants):
    """A detector whose 80x80 fine cells score `objectness` [1 1 80 80] and say: a person of 64x64 pixels."""
    cells = np.zeros((1, CELLS, 85), np.float32)
    cells[..., 2:4] = np.log(BOX_SIDE / 8)
    cells[..., 5] = 1
    nodes = [
        *objectness_nodes,
        helper.make_node("Reshape", ["objectness", "column_shape"], ["column"]),
        helper.make_node("Pad", ["column", "column_pad"], ["padded"]),
        helper.make_node("Add", ["padded", "cells"], ["output"]),
    ]
    constants = {
        "column_shape": np.array([1, 6400, 1]),
        "column_pad": np.array([0, 0, 4, 0, CELLS - 6400, 80]),
        "cells": cells,
        **constants,
    }
    return save(path, nodes, constants, [1, 3, 640, 640], {"output": [1, CELLS, 85]})


def slice_node(output, channel, step):
    constants = {
        f"{output}_starts": np.array([channel, 0, 0]),
        f"{output}_ends": np.array([channel + 1, 10_000, 10_000]),
        f"{output}_axes": np.array([1, 2, 3]),
        f"{output}_steps": np.array([1, step, step]),
    }
    return helper.make_node("Slice", ["input", *constants], [output]), constants


@pytest.fixture(scope="module")
def blue_detector(tmp_path_factory):
    """Scores (blue - red) / 255 in BGR planes; grey and the letterbox score 0."""
    blue, blue_constants = slice_node("blue", 0, 8)
    red, red_constants = slice_node("red", 2, 8)
    nodes = [blue, red, helper.make_node("Sub", ["blue", "red"], ["difference"])]
    nodes.append(helper.make_node("Mul", ["difference", "share"], ["objectness"]))
    constants = {"share": np.float32(1 / 255), **blue_constants, **red_constants}
    return save_detector(tmp_path_factory.mktemp("models") / "detector.onnx", nodes, constants)


@pytest.fixture(scope="module")
def fill_detector(tmp_path_factory):
    """Scores 1 - |value - 114|: finds the letterbox and nothing else."""
    plane, constants = slice_node("plane", 1, 8)
    nodes = [
        plane,
        helper.make_node("Sub", ["plane", "fill"], ["offset"]),
        helper.make_node("Abs", ["offset"], ["distance"]),
        helper.make_node("Sub", ["one", "distance"], ["closeness"]),
        helper.make_node("Relu", ["closeness"], ["objectness"]),
    ]
    constants |= {"fill": np.float32(114), "one": np.float32(1)}
    return save_detector(tmp_path_factory.mktemp("models") / "detector.onnx", nodes, constants)


@pytest.fixture(scope="module")
def blue_pose(tmp_path_factory):
    """All 133 points at the bluest column and row: the third plane, two SimCC bins per pixel."""
    plane, constants = slice_node("plane", 2, 1)
    nodes = [plane]
    for name, axis, size in (("simcc_x", 2, 288), ("simcc_y", 3, 384)):
        nodes += [
            helper.make_node("ReduceMax", ["plane"], [f"{name}_profile"], axes=[axis], keepdims=0),
            helper.make_node("Reshape", [f"{name}_profile", f"{name}_column"], [f"{name}_rows"]),
            helper.make_node("Expand", [f"{name}_rows", f"{name}_bins"], [f"{name}_twice"]),
            helper.make_node("Reshape", [f"{name}_twice", f"{name}_line"], [f"{name}_one"]),
            helper.make_node("Expand", [f"{name}_one", f"{name}_all"], [name]),
        ]
        constants |= {
            f"{name}_column": np.array([1, size, 1]),
            f"{name}_bins": np.array([1, size, 2]),
            f"{name}_line": np.array([1, 1, 2 * size]),
            f"{name}_all": np.array([1, 133, 2 * size]),
        }
    outputs = {"simcc_x": [1, 133, 576], "simcc_y": [1, 133, 768]}
    return save(tmp_path_factory.mktemp("models") / "pose.onnx", nodes, constants, [1, 3, 384, 288], outputs)


@pytest.fixture(scope="module")
def fixed_pose(tmp_path_factory):
    """Point k at bins (4k, 5k), scores 0.2 + 0.4 k / 133 on average."""
    constants = {}
    for name, bins, step, share in (("simcc_x", 576, 4, 0.5), ("simcc_y", 768, 5, 1.5)):
        values = np.zeros((1, 133, bins), np.float32)
        values[0, np.arange(133), step * np.arange(133)] = share * (0.2 + 0.4 * np.arange(133) / 133)
        constants[name + "_value"] = values
    nodes = [helper.make_node("Identity", [name + "_value"], [name]) for name in ("simcc_x", "simcc_y")]
    outputs = {"simcc_x": [1, 133, 576], "simcc_y": [1, 133, 768]}
    path = tmp_path_factory.mktemp("models") / "pose.onnx"
    return save(path, nodes, constants, ["batch", 3, 384, 288], outputs)


def picture_with_blue(height, width, left, top, side=4):
    picture = torch.full((1, height, width, 3), 0.2)
    picture[:, top : top + side, left : left + side] = torch.tensor([0.0, 0.0, 1.0])
    return picture


@pytest.mark.parametrize(("height", "width"), [(320, 480), (1280, 720)])
def test_people_are_found_in_pixels_of_the_picture(blue_detector, blue_pose, height, width):
    ratio = 640 / max(height, width)
    left, top = (round(v * 8 / ratio) for v in (20, 35))  # cell (20, 35) of the canvas
    picture = (picture_with_blue(height, width, left, top, side=int(6 / ratio)) * 255).byte()[0].numpy()
    (box,) = DWPose(blue_detector, blue_pose).find_people(picture)
    centre, half = np.array([20 * 8, 35 * 8]) / ratio, BOX_SIDE / ratio / 2
    np.testing.assert_allclose(box, [*(centre - half), *(centre + half)], atol=1e-3)


def test_the_letterbox_is_filled_below_or_beside_the_picture(fill_detector, blue_pose):
    dwpose = DWPose(fill_detector, blue_pose)
    below = dwpose.find_people(np.zeros((300, 640, 3), np.uint8))
    assert len(below) and (below[:, 1] + below[:, 3]).min() / 2 >= 300
    beside = dwpose.find_people(np.zeros((640, 300, 3), np.uint8))
    assert len(beside) and (beside[:, 0] + beside[:, 2]).min() / 2 >= 300


@pytest.mark.parametrize(("cells", "people"), [(2, 1), (3, 2)])  # overlap 0.62 and, corner to corner, 0.39
def test_boxes_that_overlap_by_more_than_045_count_once(blue_detector, blue_pose, cells, people):
    picture = (picture_with_blue(640, 640, 160, 160, side=8 * cells) * 255).byte()[0].numpy()
    assert len(DWPose(blue_detector, blue_pose).find_people(picture)) == people


def test_landmarks_come_back_through_the_crop(blue_detector, blue_pose):
    frames = picture_with_blue(320, 480, 240, 200, side=6)
    keypoints = DWPose(blue_detector, blue_pose)(InMemoryFrames(frames))
    assert (keypoints.width, keypoints.height) == (480, 320)
    (face,) = keypoints.faces[0]
    crop_width = BOX_SIDE * 480 / 640 * 1.25
    assert face.shape == (68, 3)
    step = crop_width / 288  # pixels between samples of the crop: the first one at full blue is the answer
    assert (face[:, :2] >= torch.tensor([240.0, 200.0])).all()
    assert (face[:, :2] <= torch.tensor([240.0, 200.0]) + step).all()
    torch.testing.assert_close(face[:, 2], torch.full((68,), (255 - 103.53) / 57.375))


def test_the_68_face_points_are_decoded_from_their_bins(blue_detector, fixed_pose):
    person = np.array([100.0, 50.0, 400.0, 250.0])  # wider than 3:4
    face = DWPose(blue_detector, fixed_pose).find_face(np.zeros((300, 500, 3), np.uint8), person)
    k = np.arange(23, 91)
    width, height = 300 * 1.25, 300 * 1.25 * 4 / 3
    x = 4 * k / 2 / 288 * width + 250 - width / 2
    y = 5 * k / 2 / 384 * height + 150 - height / 2
    np.testing.assert_allclose(face, np.stack([x, y, 0.2 + 0.4 * k / 133], axis=1), atol=1e-3)


def test_a_frame_without_people_has_no_faces(blue_detector, blue_pose):
    seen = []
    keypoints = DWPose(blue_detector, blue_pose)(InMemoryFrames(torch.full((2, 64, 48, 3), 0.5)), seen.append)
    assert [len(faces) for faces in keypoints.faces] == [0, 0] and seen == [0, 1]


def test_a_missing_file_says_which_two_are_needed_and_where_they_are(blue_detector, tmp_path):
    with pytest.raises(InputError, match=r"yolox_l\.onnx.*dw-ll_ucoco_384\.onnx.*DWPose project"):
        DWPose(blue_detector, tmp_path / "absent.onnx")


def test_exchanged_files_are_told_apart(blue_detector, blue_pose):
    with pytest.raises(InputError, match="640x640"):
        DWPose(blue_pose, blue_detector)


def test_a_file_that_is_no_model_is_named(blue_detector, tmp_path):
    (tmp_path / "pointer.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match=r"pointer\.onnx cannot be read"):
        DWPose(blue_detector, tmp_path / "pointer.onnx")


def test_without_onnxruntime_the_error_gives_the_install_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime"):
        DWPose(tmp_path / "a.onnx", tmp_path / "b.onnx")
