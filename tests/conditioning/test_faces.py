from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from skyreels_core.conditioning.faces import box_corners, face_masks, lower_face_box
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.errors import InputError

FPS = 25.0


def clip(*frames, width=320, height=256):
    """Keypoints of frames that are each a list of faces [68 2]."""
    empty = torch.zeros(0, 68, 3)
    scored = [
        torch.stack([torch.cat([face, torch.ones(68, 1)], -1) for face in frame]) if frame else empty
        for frame in frames
    ]
    return Keypoints(tuple(scored), width, height)


def bounds(mask):
    """left, top, right, bottom of a mask [h w]."""
    rows, columns = np.flatnonzero(mask.amax(1)), np.flatnonzero(mask.amax(0))
    return [columns[0], rows[0], columns[-1], rows[-1]]


def test_the_box_is_measured_from_the_nose_tip_in_units_of_the_larger_face_size(face_points):
    # eyes to nose tip 30 px, 0.7 between the eyes 28 px
    assert lower_face_box(face_points(x=150, y=80)).tolist() == pytest.approx([150, 80, 30, 1, 0], abs=1e-4)
    corners = box_corners(lower_face_box(face_points(x=150, y=80)))
    expected = torch.tensor([[105.0, 74], [195, 74], [195, 149], [105, 149]])
    torch.testing.assert_close(corners, expected, atol=1e-3, rtol=0)


def test_a_lowered_head_is_measured_between_the_eyes(face_points):
    points = face_points()
    points[27:36, 1] = points[36:48, 1].mean() + 10
    assert lower_face_box(points)[2].item() == pytest.approx(0.7 * 40)


def test_the_box_turns_with_the_head(face_points):
    angle = 0.4
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright = face_points(x=0, y=0)
    turned = box_corners(lower_face_box(upright @ turn.T))
    torch.testing.assert_close(turned, box_corners(lower_face_box(upright)) @ turn.T, atol=1e-3, rtol=0)


def test_the_mask_does_not_know_how_far_the_mouth_is_open(face_points):
    silent = face_masks(clip(*[[face_points()]] * 12), FPS)
    openings = torch.rand(12, generator=torch.Generator().manual_seed(0)).tolist()
    speaking = face_masks(clip(*[[face_points(opening=o)] for o in openings]), FPS)
    assert torch.equal(silent.boxes, speaking.boxes)
    assert not torch.equal(silent.lips, speaking.lips)


def test_batches_of_faces_are_measured_at_once(face_points):
    faces = torch.stack([face_points(x=x) for x in (50, 90, 130)])
    torch.testing.assert_close(lower_face_box(faces), torch.stack([lower_face_box(face) for face in faces]))


def test_one_face_known_in_every_frame_needs_no_detector(face_points):
    landmarks = torch.stack([face_points()] * 5)
    masks = face_masks(Keypoints.of_one_face(landmarks, 320, 256), FPS)
    assert torch.equal(masks.boxes, face_masks(clip(*[[face_points()]] * 5), FPS).boxes)
    assert masks.boxes.shape == masks.lips.shape == (5, 256, 320)
    assert bounds(masks.boxes[0]) == [55, 94, 145, 169]


def test_the_box_has_one_size_per_clip_the_95th_percentile(face_points):
    scales = torch.linspace(0.8, 1.2, 101)
    masks = face_masks(clip(*[[face_points(scale=float(s))] for s in scales]), FPS)
    widths = {right - left for left, _, right, _ in map(bounds, masks.boxes)}
    assert widths == {round(1.5 * 30 * 1.18 + 100) - round(100 - 1.5 * 30 * 1.18)}


def test_the_box_follows_the_face_without_its_jitter(face_points):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(60, generator=generator).tolist()
    masks = face_masks(clip(*[[face_points(x=80 + i + n)] for i, n in enumerate(noise)]), FPS)
    lefts = np.array([bounds(mask)[0] for mask in masks.boxes])
    measured = np.array([80 + i + n - 45 for i, n in enumerate(noise)])
    steady = np.arange(60) + 80 - 45
    inner = slice(8, -8)
    assert np.std((lefts - steady)[inner]) < 0.6 * np.std((measured - steady)[inner])
    assert abs((lefts - steady)[inner].mean()) < 0.6


def test_a_single_false_detection_does_not_move_the_box(face_points):
    steady = [[face_points()] for _ in range(9)]
    false = [*steady[:4], [face_points(x=110, scale=1.6)], *steady[5:]]
    assert torch.equal(face_masks(clip(*steady), FPS).boxes, face_masks(clip(*false), FPS).boxes)


def test_short_gaps_are_interpolated(face_points):
    frames = [[face_points(x=100 + 2 * i)] if not 20 <= i < 32 else [] for i in range(52)]
    masks = face_masks(clip(*frames), FPS)
    assert masks.report[19:21] == ["frame 19: face 0 detected", "frame 20: face 0 interpolated"]
    assert [bounds(mask)[0] for mask in masks.boxes[22:30]] == [55 + 2 * i for i in range(22, 30)]
    assert [bounds(mask)[0] for mask in masks.lips[22:30]] == [80 + 2 * i - 6 for i in range(22, 30)]


def test_a_gap_is_short_by_its_seconds_not_its_frames(face_points):
    frames = [[face_points()] if not 5 <= i < 18 else [] for i in range(24)]
    assert face_masks(clip(*frames), 25.0).boxes[10].max() == 0
    assert face_masks(clip(*frames), 30.0).boxes[10].max() == 1


@pytest.fixture
def long_gap(face_points):
    return clip(*([[face_points()]] * 5 + [[]] * 20 + [[face_points(x=120)]] * 5))


def test_long_gaps_pass_through_by_default(long_gap):
    masks = face_masks(long_gap, FPS)
    assert masks.boxes[5:25].max() == 0 and masks.lips[5:25].max() == 0
    assert masks.report[5] == "frame 5: face 0 passed through"
    assert masks.unusual == masks.report[5:25]
    assert masks.summary == "1 face in the video; face 0: 10 frames detected, 20 frames passed through"


def test_long_gaps_may_hold_the_last_box(long_gap):
    masks = face_masks(long_gap, FPS, gaps="hold")
    assert torch.equal(masks.boxes[24], masks.boxes[4]) and masks.boxes[4].max() == 1
    assert torch.equal(masks.lips[24], masks.lips[4])
    assert not torch.equal(masks.boxes[25], masks.boxes[24])
    assert masks.report[24] == "frame 24: face 0 held"


def test_a_face_that_comes_late_is_held_back_to_the_start(face_points):
    masks = face_masks(clip(*([[]] * 20 + [[face_points()]] * 5)), FPS, gaps="hold")
    assert torch.equal(masks.boxes[0], masks.boxes[20]) and masks.boxes[0].max() == 1


def test_long_gaps_may_be_an_error_that_names_the_frames(long_gap):
    with pytest.raises(InputError, match=r"frames 5-24.*'pass_through'.*'hold'"):
        face_masks(long_gap, FPS, gaps="error")


def test_a_box_does_not_slide_across_a_long_gap(long_gap, face_points):
    before = face_masks(clip(*[[face_points()]] * 5), FPS)
    assert torch.equal(face_masks(long_gap, FPS).boxes[:5], before.boxes)


def test_the_lip_mask_is_the_outer_lip_and_a_margin(face_points):
    lips = face_masks(clip([face_points(opening=0.5)]), FPS).lips[0]
    assert bounds(lips) == [80 - 6, 113 - 6, 120 + 6, 137 + 6]  # 0.15 of 40 px
    assert lips[125, 100] == 1 and lips[107, 74] == 0


def test_small_mouths_get_a_margin_of_four_pixels(face_points):
    lips = face_masks(clip([face_points(scale=0.5)]), FPS).lips[0]
    assert bounds(lips)[::2] == [90 - 4, 110 + 4]


def test_points_of_low_score_are_ignored(face_points):
    keypoints = clip(*[[face_points()]] * 3)
    keypoints.faces[1][0, 30] = torch.tensor([0.0, 0.0, 0.29])
    masks = face_masks(keypoints, FPS)
    assert masks.report[1] == "frame 1: face 0 interpolated"
    assert torch.equal(masks.boxes[1], masks.boxes[0])


def test_a_covered_mouth_leaves_the_box_and_no_lips(face_points):
    keypoints = clip(*[[face_points()]] * 20)
    for faces in keypoints.faces:
        faces[0, 48:, 2] = 0
    masks = face_masks(keypoints, FPS, gaps="hold")
    assert masks.boxes.amax((1, 2)).min() == 1 and masks.lips.max() == 0


@pytest.fixture
def two_people(face_points):
    """A smaller face on the left, listed first in every other frame; they sway."""
    pairs = [[face_points(x=70 + i, scale=0.7), face_points(x=220 - i)] for i in range(10)]
    return clip(*[pair if i % 2 else pair[::-1] for i, pair in enumerate(pairs)])


def test_the_largest_face_is_followed_by_default(two_people):
    masks = face_masks(two_people, FPS)
    assert masks.boxes[:, :, :160].max() == 0 and masks.boxes[:, :, 160:].amax((1, 2)).min() == 1
    assert masks.summary.startswith("2 faces in the video; face 0: 10 frames detected")


def test_a_face_can_be_chosen_by_its_number(two_people):
    masks = face_masks(two_people, FPS, faces=1)
    assert masks.boxes[:, :, 160:].max() == 0
    assert masks.report[3] == "frame 3: face 1 detected"
    with pytest.raises(InputError, match="has 2"):
        face_masks(two_people, FPS, faces=2)


def test_all_faces_are_the_union_of_each(two_people):
    both = face_masks(two_people, FPS, faces="all")
    single = [face_masks(two_people, FPS, faces=i) for i in (0, 1)]
    assert torch.equal(both.boxes, torch.maximum(single[0].boxes, single[1].boxes))
    assert torch.equal(both.lips, torch.maximum(single[0].lips, single[1].lips))
    assert both.report[3] == "frame 3: face 0 detected, face 1 detected"


def test_a_face_at_another_place_is_another_face(face_points):
    frames = [[face_points(x=70)]] * 6 + [[face_points(x=250)]] * 4
    assert face_masks(clip(*frames), FPS).summary.startswith("2 faces")


@pytest.mark.parametrize("gaps", ["pass_through", "hold", "error"])
def test_a_video_without_a_face_names_the_ways_out(gaps):
    with pytest.raises(InputError, match=r"pass_through.*hold.*POSE_KEYPOINT.*ready mask"):
        face_masks(clip([], [], []), FPS, gaps=gaps)


def test_drawn_faces_keep_their_mouth_inside_the_box(face_points):
    openings = [0.0, 0.5, 1.0]
    masks = face_masks(clip(*[[face_points(opening=o)] for o in openings]), FPS)
    assert (masks.lips <= masks.boxes).all()


def test_frames_in_which_one_of_several_faces_is_missing_are_unusual(two_people):
    two_people.faces[4][0, :, 2] = 0
    masks = face_masks(two_people, FPS, faces="all")
    assert [line.split(":")[0] for line in masks.unusual] == ["frame 4"]
    assert len(masks.report) == 10
