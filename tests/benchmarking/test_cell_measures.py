"""The two metrics that only a benchmark has notice what they are for, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skyreels_core import assets
from skyreels_core.audio.reading import mono_16k
from skyreels_core.benchmarking.measures import NO_FACE, CellClip, Mouth, Seams
from skyreels_core.demo.unseen import FPS, drawn
from skyreels_core.evaluation.metrics.weights import Weights
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import Video
from skyreels_core.media.sound import Audio, read_audio

JOIN = 30  # a frame
FACE = torch.zeros(16, 16)
FACE[8:, 4:12] = 1


@pytest.fixture(scope="module")
def talking():
    """A drawn face that speaks for two seconds, and its lower face."""
    samples = mono_16k(read_audio(assets.voice(1)))[:32000]
    example = drawn(0, samples)
    return CellClip("talking", Video(example.frames, FPS, None), Audio(samples[None], 16000),
                    face=InMemoryFrames(example.boxes))  # fmt: skip


def measured(metric, clip):
    meter = metric(Weights()).meter(clip)
    for frame in clip.video.stream():
        meter.add(frame)
    return meter.result()


def test_a_mouth_that_follows_its_voice_has_a_high_r(talking):
    own = measured(Mouth, talking).figures["mouth_r"]
    voice = mono_16k(read_audio(assets.voice(2)))[None, :32000]
    other = measured(Mouth, replace(talking, voice=Audio(voice, 16000))).figures["mouth_r"]
    assert own > 0.9 and abs(other) < 0.6


def test_a_mouth_that_never_moves_has_zero_and_a_face_that_is_not_known_is_said(talking):
    still = Video(talking.video.frames[:1].expand(50, -1, -1, -1), FPS, None)
    one_box = InMemoryFrames(talking.face.frames[:1])
    assert measured(Mouth, replace(talking, video=still, face=one_box)).figures == {"mouth_r": 0.0}
    assert measured(Mouth, replace(talking, face=None)).note == NO_FACE


def moving(planted=0.0, where=None):
    """Sixty frames that change evenly, but for what is planted at the join."""
    frames = 0.004 * torch.arange(60.0)[:, None, None, None].expand(60, 16, 16, 3).clone()
    frames[JOIN:] += planted * (torch.ones(16, 16) if where is None else where)[..., None]
    return CellClip("moving", Video(frames, FPS, None), joins=(10, JOIN, 50), face=InMemoryFrames(FACE[None]))


def test_a_step_at_a_join_is_a_seam_unless_the_mouth_makes_it():
    figures = measured(Seams, moving(0.02)).figures
    assert figures["seam_largest"] == pytest.approx(6, rel=1e-3)  # (0.004 + 0.02) / 0.004
    assert figures["seam"] == pytest.approx((6 + 1 + 1) / 3, rel=1e-3)
    assert figures["seam_midway"] == pytest.approx(1, rel=1e-3)
    assert measured(Seams, moving(0.02, FACE)).figures["seam_largest"] == pytest.approx(1, rel=1e-3)


def test_a_video_without_joins_says_why():
    assert measured(Seams, replace(moving(), joins=())).note == "it is one window"
    assert measured(Seams, replace(moving(), joins=None)).note == "a server does not tell where windows meet"
