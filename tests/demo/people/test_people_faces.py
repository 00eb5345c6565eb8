"""What the rendered people show, measured in the pictures' labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from people_stage import PEOPLE, SIZE

from skyreels_core.demo.people.actor import Actor
from skyreels_core.demo.people.identity import Identity
from skyreels_core.demo.people.landmarks import landmark_rows
from skyreels_core.demo.people.person import pose
from skyreels_core.demo.people.renderer import LABELS, FaceState, HeadTurn, Renderer
from skyreels_core.demo.people.visemes import VISEMES

INSIDE = [LABELS[name] for name in ("cavity", "teeth", "tongue")]


def opening(renderer: Renderer) -> int:
    """Pixels between the lips."""
    return int(np.isin(renderer.labels(), INSIDE).sum())


@pytest.mark.parametrize("number", PEOPLE)
def test_lips_close_in_silence_and_for_p_b_m_on_every_face(stage, number):
    turns = (HeadTurn(), HeadTurn(12, 4), HeadTurn(-10, -5, 3))
    wide = opening(stage.show(number, **VISEMES["aa"]))
    for viseme in ("sil", "PP"):
        assert max(opening(stage.show(number, turn, **VISEMES[viseme])) for turn in turns) <= 0.05 * wide


@pytest.mark.parametrize("number", PEOPLE)
def test_a_blink_hides_both_eyes_and_open_eyes_show_both_pupils(stage, number):
    opened = stage.show(number, **VISEMES["sil"]).labels()
    middle = stage.renderer(number).places(landmark_rows(stage.head)[[27]])[0, 0]
    for side in (opened[:, : int(middle)], opened[:, int(middle) :]):
        assert (side == LABELS["pupil"]).sum() >= 4
    closed = stage.show(number, eyeBlink=1, **VISEMES["sil"]).labels()
    assert not np.isin(closed, [LABELS["eye"], LABELS["pupil"]]).any()


def test_the_same_number_gives_the_same_picture_and_another_one_a_different_one(stage):
    first, second = (Renderer(Actor.of(Identity.draw(3)), SIZE, SIZE) for _ in range(2))
    for renderer in (first, second):
        renderer.show(FaceState(pose(stage.head, jawOpen=0.3), HeadTurn(5, 2)))
    assert np.array_equal(first.picture(), second.picture())
    pictures = [stage.show(number).picture().astype(int) for number in PEOPLE]
    assert min(np.abs(a - b).mean() for a, b in combinations(pictures, 2)) > 5


def test_pictures_have_the_size_that_was_asked_for(stage):
    for width, height in ((96, 96), (128, 160)):
        renderer = stage.renderer(2, width, height)
        renderer.show(FaceState(pose(stage.head)))
        assert renderer.picture().shape == (height, width, 3)
        assert renderer.labels().shape == (height, width)


@pytest.mark.parametrize("turn", [HeadTurn(), HeadTurn(9, 4, -3)])
def test_landmarks_lie_on_what_they_name(stage, turn):
    rows = landmark_rows(stage.head)
    for number in (3, 11):
        renderer = stage.show(number, turn, jawOpen=0.4)
        labels, places = renderer.labels(), renderer.places(rows)
        for names, points in (
            (("lips", *INSIDE_NAMES), places[48:68]),
            (("eye", "pupil", "lash"), places[36:48]),
        ):
            wanted = np.argwhere(np.isin(labels, [LABELS[name] for name in names]))[:, ::-1] + 0.5
            distance = np.linalg.norm(points[:, None] - wanted, axis=-1).min(1)
            assert distance.max() < 3.5  # pixels of 128; the corners of the eyes are skin
        x, y = places[30].astype(int)
        assert labels[y, x] == LABELS["skin"]
        assert places[8, 1] > places[57, 1] > places[51, 1] > places[30, 1] > places[27, 1]
        assert places[36, 0] < places[39, 0] < places[42, 0] < places[45, 0]


INSIDE_NAMES = ("cavity", "teeth", "tongue")


def test_the_mouth_is_the_same_as_in_all_labels(stage):
    for number, turn in ((3, HeadTurn(8, 3)), (14, HeadTurn(-12, -4, 3))):
        renderer = stage.show(number, turn, **VISEMES["O"])
        whole = np.isin(renderer.labels(), [LABELS[name] for name in ("lips", *INSIDE_NAMES)])
        assert (renderer.mouth() != whole).sum() <= 0.02 * whole.sum()


def test_lids_of_landmarks_meet_in_a_blink(stage):
    rows = landmark_rows(stage.head)
    heights = []
    for weights in ({}, {"eyeBlink": 1.0}):
        places = stage.show(3, **weights).places(rows)
        heights.append(places[[41, 40, 46, 47], 1] - places[[37, 38, 44, 43], 1])
    assert (heights[1] < 0.35 * heights[0]).all()


def mouth_features(stage, number: int, viseme: str, turn: HeadTurn) -> np.ndarray:
    """Where the lips' landmarks are, against the eyes' places and distance."""
    places = stage.show(number, turn, **VISEMES[viseme]).places(landmark_rows(stage.head))
    middle, apart = places[36:48].mean(0), np.linalg.norm(places[36:42].mean(0) - places[42:48].mean(0))
    return ((places[48:68] - middle) / apart).ravel()


def test_the_visemes_of_one_person_are_recognised_by_those_of_others(stage):
    features = {n: np.stack([mouth_features(stage, n, v, HeadTurn()) for v in VISEMES]) for n in PEOPLE}
    silence = list(VISEMES).index("sil")
    relative = {n: f - f[silence] for n, f in features.items()}
    right = 0
    for number in PEOPLE:
        known = np.mean([relative[n] for n in PEOPLE if n != number], axis=0)
        distance = np.linalg.norm(relative[number][:, None] - known, axis=-1)
        right += int((distance.argmin(1) == np.arange(len(VISEMES))).sum())
    assert right / (len(PEOPLE) * len(VISEMES)) > 0.6  # chance is 1/15; tongue and teeth tell more than lips


def test_captions_name_what_is_drawn():
    for number in range(40):
        identity = Identity.draw(number)
        caption, looks = identity.caption, identity.looks
        assert ("man" in caption.split()) == (identity.build.gender > 0.5)
        assert identity.mood in caption and identity.background.caption in caption
        assert looks.shirt in caption and looks.iris in caption
        assert (looks.hair in caption) != (looks.style == "bald")
        assert ("glasses" in caption) == (looks.glasses is not None)
