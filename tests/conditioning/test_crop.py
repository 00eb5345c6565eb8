"""The box around a face: where it is, and what it does not do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skyreels_core.conditioning.crop import crop_size, face_crops
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames

FPS, WIDTH, HEIGHT, SIZE = 25.0, 1920, 1080, (640, 640)
COLOURS = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
LIPS, CORNERS = slice(48, 68), [48, 54]


def keypoints(frames) -> Keypoints:
    """Of faces [68 2], or of None."""
    scored = [
        torch.zeros(0, 68, 3) if face is None else torch.cat([face, torch.ones(68, 1)], -1)[None]
        for face in frames
    ]
    return Keypoints(tuple(scored), WIDTH, HEIGHT)


def footage(shots: list[int]) -> InMemoryFrames:
    """One colour for each shot, at a size that is only as large as cuts need."""
    return InMemoryFrames(torch.cat([COLOURS[i].expand(n, 27, 48, 3) for i, n in enumerate(shots)]))


class Frame(InMemoryFrames):
    size = (WIDTH, HEIGHT)


def crops_of(faces, shots=None, size=SIZE, **options):
    masks = face_masks(keypoints(faces), FPS, shots=shots or (0,), **options)
    return face_crops(Frame(torch.zeros(len(faces), 1, 1, 3)), masks.box_region, FPS, size), masks


def moved(face_points, motion, frames=75):
    """Faces at (x, y, scale) of a frame's place in the clip, 0..1; the mouth speaks and the detector is 0.3 px off."""
    generator = torch.Generator().manual_seed(1)
    for index in range(frames):
        x, y, scale = motion(index / (frames - 1))
        opening = float(torch.rand(1, generator=generator))
        yield face_points(x, y, opening, scale) + 0.3 * torch.randn(68, 2, generator=generator)


MOTIONS = {
    "still": lambda t: (700, 400, 2),
    "pan": lambda t: (300 + 1300 * t, 400, 2),
    "zoom": lambda t: (700, 400, 2 + 0.8 * t),
    "shake": lambda t: (700 + 25 * np.sin(60 * t), 400 + 25 * np.cos(83 * t), 2),
    "walk": lambda t: (80 + 1760 * t, 500 + 12 * np.sin(40 * t), 1.6),
    "run": lambda t: (960 + 600 * np.sin(5 * t), 500, 2),
    "corner": lambda t: (60 * t, 1060, 2),
}


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_box_holds_the_lips_and_stays_in_the_frame_whatever_the_head_does(face_points, motion):
    faces = list(moved(face_points, MOTIONS[motion]))
    (shot,), _ = crops_of(faces)
    for index, face in enumerate(faces):
        left, top, right, bottom = shot.path.bounds(index)
        assert left >= 0 and top >= 0 and right <= WIDTH and bottom <= HEIGHT
        lips = face[LIPS].clamp(torch.zeros(2), torch.tensor([WIDTH, HEIGHT]))  # what the frame shows of them
        assert (lips >= torch.tensor([left, top])).all() and (lips <= torch.tensor([right, bottom])).all()


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_mouth_is_a_sixth_of_the_box_or_more(face_points, motion):
    faces = list(moved(face_points, MOTIONS[motion]))
    (shot,), _ = crops_of(faces)
    widths = [float((face[CORNERS[0]] - face[CORNERS[1]]).norm()) for face in faces]
    assert min(widths) >= shot.path.box[0] / 6


def test_a_still_heads_box_does_not_move_and_lies_on_whole_pixels(face_points):
    (shot,), _ = crops_of(list(moved(face_points, MOTIONS["still"])))
    assert not shot.path.moves and (shot.path.corners % 1 == 0).all()


def test_a_nodding_heads_box_does_not_move(face_points):
    (shot,), _ = crops_of(list(moved(face_points, lambda t: (700, 400 + 8 * np.sin(20 * t), 2))))
    assert not shot.path.moves


def test_a_box_that_moves_lies_on_eighths_of_a_pixel_and_does_not_jerk(face_points):
    (shot,), _ = crops_of(list(moved(face_points, MOTIONS["pan"])))
    steps = np.diff(shot.path.corners, axis=0)[15:-15, 0]
    assert (shot.path.corners * 8 % 1 == 0).all()
    assert np.abs(np.diff(steps)).max() <= 0.5 and steps.mean() == pytest.approx(1300 / 74, abs=0.1)


def test_a_head_that_rests_before_and_after_a_walk_has_a_box_that_rests(face_points):
    def walk(t):
        return 600 + 700 * min(max((t - 0.45) / 0.2, 0), 1) + 4 * np.sin(30 * t), 400 + 4 * np.sin(23 * t), 2

    (shot,), _ = crops_of(list(moved(face_points, walk, frames=101)))
    steps = np.abs(np.diff(shot.path.corners, axis=0)).max(1)
    assert steps[:35].max() < 0.25 and steps[75:].max() < 0.25 and steps[45:65].max() > 30


def test_the_mask_with_its_feathered_edge_is_in_the_box(face_points):
    (shot,), masks = crops_of(list(moved(face_points, MOTIONS["run"])))
    edge = shot.path.box[0] / 32
    for index, mask in enumerate(masks.box_region.stream()):
        left, top, right, bottom = shot.path.bounds(index)
        rows, columns = (np.flatnonzero(mask.amax(axis)) for axis in (1, 0))
        assert columns[0] - edge >= left and columns[-1] + edge <= right
        assert rows[0] - edge >= top and rows[-1] + edge <= bottom


def test_shots_have_boxes_of_their_own_and_one_without_a_face_has_none(face_points):
    near, far = [face_points(400, 300, scale=3)] * 20, [face_points(1500, 800, scale=1)] * 20
    (first, second, third), _ = crops_of([*near, *[None] * 20, *far], shots=(0, 20, 40))
    assert second.path is None and "no face, passed through" in str(second)
    assert [(shot.first, shot.last) for shot in (first, second, third)] == [(0, 20), (20, 40), (40, 60)]
    alone = [crops_of(faces)[0][0].path for faces in (near, far)]
    for shot, path in zip((first, third), alone, strict=True):
        assert shot.path.box == path.box and np.array_equal(shot.path.corners, path.corners)


def test_the_largest_face_is_that_of_each_shot(face_points):
    def two(large, small):
        faces = torch.stack([face_points(500, 500, scale=large), face_points(1400, 500, scale=small)])
        return torch.cat([faces, torch.ones(2, 68, 1)], -1)

    found = Keypoints((*[two(3.0, 1.5)] * 10, *[two(1.5, 3.0)] * 10), WIDTH, HEIGHT)
    masks = face_masks(found, FPS, shots=(0, 10))
    first, second = face_crops(Frame(torch.zeros(20, 1, 1, 3)), masks.box_region, FPS, SIZE)
    assert first.path.bounds(0)[0] < 500 < first.path.bounds(0)[2] < 1400
    assert 500 < second.path.bounds(0)[0] < 1400 < second.path.bounds(0)[2]


def test_a_face_that_leaves_and_comes_back_keeps_a_box_in_between(face_points):
    there, back = [face_points(400, 300, scale=2)] * 20, [face_points(460, 300, scale=2)] * 20
    (shot,), masks = crops_of([*there, *[None] * 20, *back])
    assert masks.boxes[30].max() == 0  # passes through
    steps = np.abs(np.diff(shot.path.corners, axis=0))
    assert steps.max() < 60 / 20 + 1


def test_all_faces_share_a_box(face_points):
    faces = torch.stack([face_points(500, 500), face_points(800, 520)])
    found = Keypoints((torch.cat([faces, torch.ones(2, 68, 1)], -1),) * 5, WIDTH, HEIGHT)
    masks = face_masks(found, FPS, "all")
    (shot,) = face_crops(Frame(torch.zeros(5, 1, 1, 3)), masks.box_region, FPS, SIZE)
    left, top, right, bottom = shot.path.bounds(0)
    assert left < 500 - 45 and right > 800 + 45 and top < 490 and bottom > 600


def test_any_mask_is_cropped_to_by_shots_that_the_pictures_show():
    video, masks = footage([10, 10, 10]), torch.zeros(30, 27, 48)
    masks[:10, 10:15, 10:16], masks[20:, 12:17, 30:36] = 1, 1
    first, second, third = face_crops(video, InMemoryFrames(masks), FPS, (32, 32))
    assert second.path is None and first.path.box == third.path.box
    assert first.path.bounds(0)[0] < 10 < 16 < first.path.bounds(0)[2]
    assert third.path.bounds(0)[0] < 30 < 36 < third.path.bounds(0)[2]


def test_one_mask_for_all_frames_makes_one_box_of_every_shot():
    mask = torch.zeros(1, 27, 48)
    mask[0, 10:15, 10:16] = 1
    first, second = face_crops(footage([10, 10]), InMemoryFrames(mask), FPS, (32, 32))
    assert np.array_equal(first.path.corners, second.path.corners)


def test_a_face_larger_than_the_frame_has_the_whole_height(face_points):
    (shot,), _ = crops_of([face_points(960, 540, scale=15)] * 5)
    assert shot.path.box == (1080, 1080)


def test_a_portrait_box_has_the_shape_that_it_is_scaled_to(face_points):
    size = crop_size("4:5", 640, 640)
    (shot,), _ = crops_of([face_points(960, 540, scale=2)] * 5, size=size)
    width, height = shot.path.box
    assert size == (576, 720) and abs(height - width * 720 / 576) <= 1


def test_sizes_are_multiples_of_16_of_the_models_area():
    assert crop_size("square", 832, 480) == (640, 640)
    assert crop_size("square", 96, 96) == (96, 96)
    with pytest.raises(InputError, match="use one of square, 4:5"):
        crop_size("round", 640, 640)


def test_a_mask_that_is_black_everywhere_is_refused():
    with pytest.raises(InputError, match="no face to crop to"):
        face_crops(footage([5]), InMemoryFrames(torch.zeros(5, 27, 48)), FPS, (32, 32))
