from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.curves import MouthCurves, mouth_curves
from skyreels_core.demo.faces import DrawnFace, Identity, Motion, draw_face
from skyreels_core.evaluation.mouth import mouth_area

FPS, SIZE = 25.0, 96


def babble(seconds: float) -> torch.Tensor:
    """Syllables of a buzzing voice at 2 Hz, then a second of silence."""
    time = torch.arange(int(16000 * seconds)) / 16000
    voice = sum(torch.sin(2 * torch.pi * 140 * k * time) / k for k in range(1, 12))
    syllables = torch.sin(2 * torch.pi * 2 * time).clamp_min(0) * (time < seconds - 1)
    return 0.1 * voice * syllables


@pytest.fixture(scope="module")
def curves() -> MouthCurves:
    return mouth_curves(babble(3.0), 75, FPS)


def face(curves: MouthCurves, seed: int = 0) -> DrawnFace:
    motion = Motion.draw(np.random.default_rng(seed), curves, FPS)
    return draw_face(Identity.draw(random.Random(seed)), motion, curves, SIZE)


def test_the_mouth_opens_with_syllables_and_shuts_in_silence(curves):
    speech, silence = curves.opening[:48], curves.opening[55:]
    assert speech.max() > 0.8 and speech.min() < 0.2
    assert silence.max() < 0.01


def test_loudness_of_the_recording_does_not_matter(curves):
    quiet = mouth_curves(0.1 * babble(3.0), 75, FPS)
    assert np.abs(quiet.opening - curves.opening).max() < 0.02


def test_measured_mouth_area_follows_the_driving_curve(curves):
    for seed in range(4):
        drawn = face(curves, seed)
        boxes = face_masks(Keypoints.of_one_face(drawn.landmarks, SIZE, SIZE), FPS).boxes
        area = mouth_area(drawn.frames, boxes).numpy()
        assert np.corrcoef(area, curves.area)[0, 1] > 0.95


def test_the_lower_face_box_does_not_tell_the_mouth(curves):
    """Section 9 of the method: a box that follows the chin leaks the opening."""
    still = MouthCurves(np.zeros_like(curves.opening), np.zeros_like(curves.width))
    motion = Motion.draw(np.random.default_rng(3), still, FPS)
    identity = Identity.draw(random.Random(3))
    boxes = [
        face_masks(
            Keypoints.of_one_face(draw_face(identity, motion, c, SIZE).landmarks, SIZE, SIZE), FPS
        ).boxes
        for c in (still, curves)
    ]
    assert torch.equal(*boxes)


def test_faces_are_the_same_for_the_same_seed_and_differ_for_others(curves):
    assert torch.equal(face(curves, 1).frames, face(curves, 1).frames)
    assert (face(curves, 1).frames - face(curves, 2).frames).abs().mean() > 0.05


def test_frames_do_not_depend_on_how_many_are_drawn(curves):
    motion = Motion.draw(np.random.default_rng(0), curves, FPS)
    identity = Identity.draw(random.Random(0))
    part = draw_face(identity, motion.slice(10, 7), curves.slice(10, 7), SIZE)
    assert torch.equal(part.frames, draw_face(identity, motion, curves, SIZE).frames[10:17])
