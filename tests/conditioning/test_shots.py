"""Faces of a video with cuts."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.conditioning.tracks import jumps
from skyreels_core.errors import InputError

FPS = 25.0


def clip(*frames, width=320, height=256):
    """Keypoints of frames that are each a list of faces [68 2]."""
    scored = [[torch.cat([face, torch.ones(68, 1)], -1) for face in frame] for frame in frames]
    faces = (torch.stack(frame) if frame else torch.zeros(0, 68, 3) for frame in scored)
    return Keypoints(tuple(faces), width, height)


@pytest.fixture
def two_shots(face_points):
    """A small face on the left for 20 frames, then a larger one on the right for 10."""
    return [[face_points(x=80, scale=0.6)]] * 20 + [[face_points(x=230)]] * 10


def test_the_largest_face_of_each_shot_is_masked(two_shots):
    masks = face_masks(clip(*two_shots), FPS, shots=[0, 20])
    assert masks.boxes[:20, :, :160].amax((1, 2)).min() == 1 and masks.boxes[:20, :, 160:].max() == 0
    assert masks.boxes[20:, :, 160:].amax((1, 2)).min() == 1 and masks.boxes[20:, :, :160].max() == 0
    assert masks.summary == (
        "2 faces in the video, 2 shots (from frames 0, 20); face 0: 10 frames detected; face 1: 20 frames detected"
    )
    assert masks.unusual == []


def test_each_shot_is_masked_as_if_it_were_alone(face_points):
    before = [[face_points(x=100 + i, scale=0.7)] for i in range(12)]
    after = [[face_points(x=120 - i, scale=1.1)] for i in range(12)]
    both = face_masks(clip(*before, *after), FPS, shots=[0, 12])
    for part, frames in ((slice(0, 12), before), (slice(12, 24), after)):
        alone = face_masks(clip(*frames), FPS)
        assert torch.equal(both.boxes[part], alone.boxes) and torch.equal(both.lips[part], alone.lips)


def test_a_gap_is_not_bridged_across_a_cut(face_points):
    frames = [[face_points(x=90)]] * 5 + [[]] * 6 + [[face_points(x=130)]] * 5
    masks = face_masks(clip(*frames), FPS, shots=[0, 8])
    left = [mask.amax(0).nonzero()[0].item() for mask in masks.boxes]
    assert left[:8] == [left[0]] * 8 and left[8:] == [left[0] + 40] * 8


def test_a_box_is_not_held_into_a_shot_without_the_face(two_shots):
    elsewhere = [*two_shots, *[[]] * 30]
    masks = face_masks(clip(*elsewhere), FPS, gaps="hold", shots=[0, 20, 30])
    assert masks.boxes[30:].max() == 0
    assert masks.unusual == [f"frame {frame}: no face in this shot" for frame in range(30, 60)]
    with pytest.raises(InputError, match="frames 30-59"):
        face_masks(clip(*elsewhere), FPS, gaps="error", shots=[0, 20, 30])


def test_a_number_is_of_the_whole_clip_by_its_place(two_shots, face_points):
    again = [*two_shots, *[[face_points(x=84, scale=0.6)]] * 20]
    masks = face_masks(clip(*again), FPS, faces=0, shots=[0, 20, 30])
    assert masks.boxes[:, :, 160:].max() == 0
    assert masks.report[10] == "frame 10: face 0 detected"
    assert masks.report[25] == "frame 25: face 0 not in this shot"


def test_all_faces_are_those_of_each_shot(two_shots):
    masks = face_masks(clip(*two_shots), FPS, faces="all", gaps="error", shots=[0, 20])
    assert masks.boxes.amax((1, 2)).min() == 1 and masks.unusual == []


def test_where_all_faces_jump_there_is_a_cut(two_shots, face_points):
    assert jumps(clip(*two_shots).faces) == [20]
    assert face_masks(clip(*two_shots), FPS).boxes.amax((1, 2)).min() == 1
    closer = [[face_points()]] * 5 + [[face_points(scale=1.5)]] * 5
    assert jumps(clip(*closer).faces) == [5]


def test_a_false_detection_a_quick_turn_and_one_of_two_are_no_cuts(face_points):
    steady = [face_points()]
    assert jumps(clip(*[steady] * 4, [face_points(x=200)], *[steady] * 4).faces) == []
    assert jumps(clip(*[[face_points(x=100 + 30 * max(0, i - 5))] for i in range(12)]).faces) == []
    beside = [[face_points(x=60), face_points(x=150 if i < 5 else 260)] for i in range(10)]
    assert jumps(clip(*beside).faces) == []


def test_a_pan_whose_sizes_the_detector_varies_is_no_cut(face_points):
    scales = [2.0, 2.36, 2.34, 2.1, 2.2, 2.34, 2.1, 2.2]
    found = [face_points(400 + 6 * frame, 300, scale=scale) for frame, scale in enumerate(scales)]
    assert jumps([torch.cat([face, torch.ones(68, 1)], -1)[None] for face in found]) == []


def test_a_false_cut_changes_little(face_points):
    generator = torch.Generator().manual_seed(0)
    noise = 0.5 * torch.randn(40, generator=generator)
    frames = clip(*[[face_points(x=100 + i + float(n))] for i, n in enumerate(noise)])
    whole, split = (face_masks(frames, FPS, shots=shots).boxes for shots in ([0], [0, 20]))
    shared = (whole * split).sum((1, 2)) / torch.maximum(whole, split).sum((1, 2))
    assert shared.min() > 0.95


def middles(masks):
    """Column in the middle of each frame's mask."""
    return [mask.amax(0).nonzero().float().mean().item() for mask in masks.boxes]


def test_in_a_shot_the_next_face_takes_over_where_the_largest_is_gone(face_points):
    large, small = face_points(x=80), face_points(x=230, scale=0.6)
    frames = [*[[large, small]] * 20, *[[small]] * 20, *[[large, small]] * 20]
    masks = face_masks(clip(*frames), FPS, gaps="error")
    assert [x > 160 for x in middles(masks)] == [False] * 20 + [True] * 20 + [False] * 20
    short = face_masks(clip(*[[large, small]] * 20, *[[small]] * 10, *[[large, small]] * 20), FPS)
    assert max(middles(short)) < 160 and short.report[25] == "frame 25: face 0 interpolated"


def test_in_a_shot_the_mask_changes_once_where_another_face_comes_closer(face_points):
    scales = [0.6 + 0.5 * i / 59 for i in range(60)]
    frames = [[face_points(x=80, scale=1.7 - scale), face_points(x=230, scale=scale)] for scale in scales]
    masks = face_masks(clip(*frames), FPS)
    right = [x > 160 for x in middles(masks)]
    assert not right[0] and right[-1] and sum(a != b for a, b in pairwise(right)) == 1


def test_faces_about_as_large_and_false_detections_do_not_make_the_mask_flicker(face_points):
    def alike(i):
        return [face_points(x=80, scale=1 - 0.05 * (i % 2)), face_points(x=230, scale=0.95 + 0.05 * (i % 2))]

    assert len({x > 160 for x in middles(face_masks(clip(*map(alike, range(40))), FPS))}) == 1
    false = [[face_points(x=80)]] * 20 + [[face_points(x=80), face_points(x=230, scale=1.5)]] * 3
    assert max(middles(face_masks(clip(*false, *[[face_points(x=80)]] * 20), FPS))) < 160
