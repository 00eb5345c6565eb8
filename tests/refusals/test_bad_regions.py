"""Masks and keypoints that cannot be used."""

from __future__ import annotations

import json
import math

import pytest
import torch
from bad_input import FPS, FRAMES, HEIGHT, WIDTH, Case, CommandLine, cases, keypoints
from hypothesis import given, settings
from hypothesis import strategies as st

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import from_pose_keypoint
from skyreels_core.errors import InputError
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.writing import write_picture, write_video


def painted(desk: CommandLine, *size: int, value: float = 1.0) -> tuple:
    write_picture(desk.folder / "mask.png", torch.full((*size, 3), value))
    return "--mask", desk.folder / "mask.png"


def filmed(desk: CommandLine, frames: int, value: float = 1.0) -> tuple:
    pictures = torch.full((frames, HEIGHT, WIDTH, 3), value)
    write_video(desk.folder / "mask.mkv", pictures, FPS, encoding=Encoding(lossless=True))
    return "--mask", desk.folder / "mask.mkv"


MASKS: dict[str, Case] = {
    "none": (lambda desk: (), "--mask"),
    "a mask and keypoints": (
        lambda desk: ("--mask", desk.whole.mask, "--keypoints", desk.whole.keypoints),
        "region to regenerate (2 given)",
    ),
    "missing": (lambda desk: ("--mask", desk.folder / "none.png"), "none.png"),
    "a folder": (lambda desk: ("--mask", desk.folder), "is a folder"),
    "an empty file": (lambda desk: ("--mask", desk.file("mask.png", b"")), "mask.png"),
    "a text": (lambda desk: ("--mask", desk.file("mask.png", "hello")), "cannot be read as a picture"),
    "a voice": (lambda desk: ("--mask", desk.whole.voice), "no video stream"),
    "half a picture": (lambda desk: ("--mask", desk.part_of(desk.whole.mask, 0.5)), "cut.png"),
    "half a video": (lambda desk: ("--mask", desk.part_of(desk.whole.video, 0.5)), "is truncated"),
    "black": (lambda desk: painted(desk, HEIGHT, WIDTH, value=0.0), "mask.png: The mask is black everywhere"),
    "a video of black": (
        lambda desk: filmed(desk, FRAMES, value=0.0),
        "mask.mkv: The mask is black everywhere",
    ),
    "another shape": (lambda desk: painted(desk, HEIGHT, 3 * WIDTH), f"{3 * WIDTH}x{HEIGHT}"),
    "too short": (lambda desk: filmed(desk, 3), "has 3 frames, the video has 9"),
}


@cases(MASKS)
def test_a_bad_mask_is_one_sentence(desk, case):
    options, needle = case
    desk.refuses(desk.editing(*options(desk)), needle)


FORM = "POSE_KEYPOINT form"


def posed(pose: object, needle: str = FORM) -> Case:
    return lambda desk: ("--keypoints", desk.file("pose.json", pose)), needle


face = keypoints()[0]["people"][0]["face_keypoints_2d"]
outside = [number + 5000 * (index % 3 < 2) for index, number in enumerate(face)]
POSES: dict[str, Case] = {
    "missing": (lambda desk: ("--keypoints", desk.folder / "none.json"), "none.json"),
    "a folder": (lambda desk: ("--keypoints", desk.folder), "cannot be read"),
    "a picture": (lambda desk: ("--keypoints", desk.whole.mask), "mask.png"),
    "an empty file": posed("", "pose.json"),
    "broken": posed('[{"people"', "pose.json"),
    "brackets without end": posed("[" * 100_000, "pose.json"),
    "UTF-16": (lambda desk: ("--keypoints", desk.file("pose.json", "[]".encode("utf-16"))), "pose.json"),
    "a number": posed(5),
    "no frames": posed([]),
    "frames that are numbers": posed([1, 2]),
    "no people": posed([{"canvas_width": WIDTH, "canvas_height": HEIGHT}]),
    "people that are none": posed([keypoints()[0] | {"people": None}]),
    "a person that is a number": posed([keypoints()[0] | {"people": [5]}]),
    "faces that are none": posed(keypoints(None), "No face was found"),
    "faces that are texts": posed(keypoints("face")),
    "67 points": posed(keypoints(face[: 67 * 3])),
    "two numbers": posed(keypoints([1, 2])),
    "points that are texts": posed(keypoints(["1"] * 210)),
    "NaN": posed(keypoints([math.nan] * 210)),
    "infinity": posed(keypoints([math.inf] * 210)),
    "1e30": posed(keypoints([1e30] * 210)),
    "400 digits": posed(keypoints([10**400] * 210)),
    "all in one point": posed(keypoints([20.0, 15.0, 1.0] * 70), "No face was found"),
    "all 0": posed(keypoints([0.0] * 210), ".json: No face was found"),
    "beside the picture": posed(keypoints(outside), "black everywhere"),
    "only bodies": posed([keypoints()[0] | {"people": [{"pose_keypoints_2d": [1.0] * 54}]}], "only their bodies"),
    "a picture that is not turned yet": posed(
        keypoints(canvas_width=HEIGHT, canvas_height=WIDTH), f"{HEIGHT}x{WIDTH}, the video is {WIDTH}x{HEIGHT}"
    ),
    "a canvas of another shape": posed(keypoints(canvas_width=3 * WIDTH), f"pose.json are of {3 * WIDTH}x{HEIGHT}"),
    "a canvas of 0": posed(keypoints(canvas_width=0)),
    "a canvas below 0": posed(keypoints(canvas_height=-3)),
    "a canvas of text": posed(keypoints(canvas_width="48")),
    "a canvas of 1e300": posed(keypoints(canvas_width=1e300)),
    "of a shorter video": posed(keypoints(frames=3), "keypoints of 3 frames, the video has 9"),
    "a face that is not there": (
        lambda desk: ("--keypoints", desk.whole.keypoints, "--face", "5"),
        "Face 5 does not exist",
    ),
    "a face with another name": (lambda desk: ("--keypoints", desk.whole.keypoints, "--face", "left"), "--face"),
    "gaps that may not be": (
        lambda desk: (
            "--keypoints", desk.file("pose.json", keypoints(frames=1) + keypoints(None, 8)), "--gaps", "error",
        ),
        "No face in frames 1-8",
    ),
    "an empty folder of DWPose": (lambda desk: ("--dwpose", desk.folder), "yolox_l.onnx"),
    "a DWPose file that is none": (
        lambda desk: ("--dwpose", desk.file("yolox_l.onnx", "x").parent),
        "yolox_l.onnx cannot be read",
    ),
}  # fmt: skip


@cases(POSES)
def test_a_bad_pose_is_one_sentence(desk, case):
    pytest.importorskip("onnxruntime")
    options, needle = case
    desk.refuses(desk.editing(*options(desk)), needle)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["people", "face_keypoints_2d"]), inner)
    ),
    max_leaves=8,
)
places = st.lists(st.tuples(st.integers(0, 209), st.floats() | st.integers(-100, 100)), max_size=6)
numbers = places.map(lambda changes: [dict(changes).get(index, number) for index, number in enumerate(face)])
frames = st.fixed_dictionaries(
    {
        "people": st.lists(st.fixed_dictionaries({"face_keypoints_2d": numbers | values}), max_size=3),
        "canvas_width": st.sampled_from([WIDTH, 1.0, 0, 1e6, "48", None]),
        "canvas_height": st.just(HEIGHT),
    }
)


@settings(max_examples=100, deadline=None)
@given(
    values.filter(lambda value: not isinstance(value, str)) | st.lists(frames, max_size=3)
)  # a text is a path
def test_any_value_is_a_pose_or_a_sentence(pose):
    json.dumps(pose)
    try:
        masks = face_masks(from_pose_keypoint(pose, WIDTH, HEIGHT), FPS)
    except InputError as error:
        assert any(
            needle in str(error) for needle in (FORM, "No face was found", f"the video is {WIDTH}x{HEIGHT}")
        )
    else:
        assert set(masks.boxes.unique().tolist()) <= {0.0, 1.0}
