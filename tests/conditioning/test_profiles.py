"""Faces of which not everything is seen."""

from __future__ import annotations

import math

import pytest
import torch

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.lower_face import box_corners, box_without_tip, in_profile, lower_face_box
from skyreels_core.conditioning.pose import Keypoints, from_pose_keypoint, to_pose_keypoint

FPS = 25.0
BRIDGE, TIP, BASE = slice(27, 30), 30, slice(31, 36)
RIGHT_EYE, LEFT_EYE, MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)
FAR_SIDE = [*range(9, 17), *range(22, 27), 34, 35, *range(42, 48), *range(52, 57), 63, 64, 65]

# Eyes, nose, lips and chin of a head in centimetres: x to the person's left, y down, z forward.
HEAD = torch.zeros(68, 3)
HEAD[8] = torch.tensor([0, 9.4, 4.3])
HEAD[27:31] = torch.stack(
    [torch.linspace(0, 0, 4), torch.linspace(-3.3, 1.1, 4), torch.linspace(5.2, 7.5, 4)], 1
)
HEAD[31:36] = torch.tensor(
    [[-1.4, 1.7, 5.2], [-0.6, 2.0, 5.9], [0, 2.1, 6.1], [0.6, 2.0, 5.9], [1.4, 1.7, 5.2]]
)
HEAD[36:42] = torch.tensor([-3.15, -2.66, 3.45])
HEAD[42:48] = torch.tensor([3.15, -2.66, 3.45])
HEAD[48], HEAD[54] = torch.tensor([-2.5, 4.3, 4.3]), torch.tensor([2.5, 4.3, 4.3])
HEAD[51], HEAD[57] = torch.tensor([0, 3.4, 6.0]), torch.tensor([0, 5.4, 5.5])


def turned(yaw, nod=0.0):
    """The head turned to the person's left and nodding, degrees, seen from far away: [68 2] in pixels."""
    yaw, nod = math.radians(yaw), math.radians(nod)
    x, y, z = HEAD.unbind(-1)
    x, z = x * math.cos(yaw) + z * math.sin(yaw), z * math.cos(yaw) - x * math.sin(yaw)
    y = y * math.cos(nod) + z * math.sin(nod)
    return 10 * torch.stack([x, y], -1) + 100


def hidden(points, *parts):
    points = points.clone()
    for part in parts:
        points[part] = torch.nan
    return points


def roll(box):
    return math.degrees(math.atan2(box[4], box[3]))


@pytest.mark.parametrize("nod", [-15, 0, 15])
@pytest.mark.parametrize("yaw", [60, 75, 90])
def test_mouth_and_chin_of_a_profile_are_in_the_box(yaw, nod):
    points = turned(yaw, nod)
    box = lower_face_box(hidden(points, FAR_SIDE))
    left_top, right_top, _, left_bottom = box_corners(box)
    for point in points[[8, 48, 51, 57]]:
        along = (point - left_top) @ (right_top - left_top) / (right_top - left_top).square().sum()
        below = (point - left_top) @ (left_bottom - left_top) / (left_bottom - left_top).square().sum()
        assert 0.1 < along < 0.9 and 0 < below < 1
    assert abs(roll(box)) < 8


def test_a_head_that_turns_keeps_its_box_where_an_eye_disappears():
    seen, unseen = lower_face_box(turned(60)), lower_face_box(hidden(turned(60), LEFT_EYE))
    assert torch.equal(seen[:2], unseen[:2])
    assert unseen[2] / seen[2] == pytest.approx(1, abs=0.05)
    assert abs(roll(unseen) - roll(seen)) < 6


@pytest.mark.parametrize("eye", [RIGHT_EYE, LEFT_EYE])
def test_a_covered_eye_of_a_frontal_face_changes_little(face_points, eye):
    seen, unseen = lower_face_box(face_points()), lower_face_box(hidden(face_points(), eye))
    assert torch.equal(seen[:2], unseen[:2]) and abs(roll(unseen)) < 1e-3
    assert unseen[2] / seen[2] == pytest.approx(1, abs=0.1)


def test_a_nod_in_profile_is_no_roll():
    """There the line through both eyes points at the camera: what is left of it is the nod."""
    points = turned(80, nod=15)
    assert in_profile(points) and abs(roll(lower_face_box(points))) < 8
    assert not in_profile(turned(45))


def test_the_box_of_a_profile_turns_with_the_head():
    angle = 0.4
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    points = hidden(turned(80), FAR_SIDE)
    rotated = box_corners(lower_face_box(points @ turn.T))
    torch.testing.assert_close(rotated, box_corners(lower_face_box(points)) @ turn.T, atol=1e-3, rtol=0)


def test_the_box_of_a_profile_does_not_know_the_mouth():
    points = hidden(turned(80), LEFT_EYE)
    spoken = points.clone()
    spoken[MOUTH] += 30
    spoken[:17] += 40
    assert torch.equal(lower_face_box(points), lower_face_box(spoken))


@pytest.mark.parametrize("unseen", [[37], [37, 40], [48], [33], [27], [27, 28], [44, 43, 47]])
def test_single_points_that_are_missing_change_little(face_points, unseen):
    for points in (face_points(), hidden(turned(75), FAR_SIDE)):
        whole, missing = lower_face_box(points), lower_face_box(hidden(points, unseen))
        assert torch.equal(whole[:2], missing[:2])
        assert missing[2] / whole[2] == pytest.approx(1, abs=0.1) and abs(roll(missing) - roll(whole)) < 8


@pytest.mark.parametrize("parts", [(TIP,), (TIP, BRIDGE, BASE), (TIP, MOUTH), (BRIDGE, TIP, BASE, MOUTH)])
def test_a_nose_tip_that_is_not_seen_is_estimated(face_points, parts):
    for points in (face_points(), turned(15)):
        box, estimated = lower_face_box(points), box_without_tip(hidden(points, *parts))
        assert (box[:2] - estimated[:2]).norm() < 0.4 * box[2]
        assert estimated[2] / box[2] == pytest.approx(1, abs=0.15)


def test_without_eyes_and_nose_nothing_is_known(face_points):
    points = hidden(face_points(), LEFT_EYE, TIP, BRIDGE, BASE)
    assert lower_face_box(points).isnan().any() and box_without_tip(points).isnan().any()


def clip(*frames):
    return Keypoints(
        tuple(
            torch.cat([points, (~points[:, :1].isnan()).float()], -1).nan_to_num()[None] for points in frames
        ),
        320,
        256,
    )


def test_a_turn_to_the_side_and_back_is_masked_throughout():
    yaws = [*range(0, 90, 6), *[90] * 25, *range(90, 0, -6)]
    frames = [turned(yaw) if yaw < 60 else hidden(turned(yaw), FAR_SIDE) for yaw in yaws]
    masks = face_masks(clip(*frames), FPS, gaps="error")
    assert masks.summary == "1 face in the video; face 0: 19 frames detected, 36 frames in profile"
    assert masks.unusual[0] == "frame 10: face 0 in profile"
    centres = torch.stack([mask.nonzero().float().mean(0) for mask in masks.boxes])
    assert centres.diff(dim=0).norm(dim=-1).max() < 10  # the nose tip moves 8 pixels from frame to frame


def test_zeros_are_points_that_were_not_found():
    frames = to_pose_keypoint(clip(turned(80)))
    flat = frames[0]["people"][0]["face_keypoints_2d"]
    for point in FAR_SIDE:
        flat[3 * point : 3 * point + 3] = [0, 0, 1]
    masks = face_masks(from_pose_keypoint(frames, 320, 256), FPS)
    assert masks.report == ["frame 0: face 0 in profile"]


def test_a_nose_tip_that_stays_hidden_is_said(face_points):
    masks = face_masks(clip(*[face_points()] * 5, *[hidden(face_points(), TIP)] * 20), FPS)
    assert masks.summary == "1 face in the video; face 0: 5 frames detected, 20 frames estimated"
    assert masks.boxes.amax((1, 2)).min() == 1
