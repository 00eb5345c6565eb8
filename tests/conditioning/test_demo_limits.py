"""The demo model says what it does not know: other sizes, and faces that are not drawn."""

from __future__ import annotations

import random
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from skyreels_core import assets
from skyreels_core.conditioning.demo import beyond_demo, is_demo, is_drawn
from skyreels_core.conditioning.visual import Animation, VideoEdit
from skyreels_core.demo.curves import MouthCurves
from skyreels_core.demo.faces import Identity, Motion, draw_face
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.reading import fit, read_picture, read_video
from skyreels_core.media.region import as_region
from skyreels_core.media.sound import Audio
from skyreels_core.model.bundle import load_bundle
from skyreels_core.model.checkpoint import load_model
from skyreels_core.pipeline.animate import animate
from skyreels_core.run.settings import Settings

FACES = 50
REMEDIES = ("HuMo", "SkyReels-V3 A2V", "InfiniteTalk in ComfyUI", "--model")


@pytest.fixture
def adapter():
    return load_model(assets.model() / "model.safetensors")[1]


def drawn(number, size=96):
    rng = np.random.default_rng(number)
    curves = MouthCurves(*(rng.random(1, dtype=np.float32) for _ in fields(MouthCurves)))
    identity = Identity.draw(random.Random(number))
    return draw_face(identity, Motion.draw(rng, curves, 25.0), curves, size).frames[0]


def photographed(number, coloured=True):
    """Light that falls off in every direction, grain, and no plain area: [96 96 3]."""
    rng = np.random.default_rng(number)
    channels = [
        sum(s * gaussian_filter(rng.standard_normal((96, 96)), s) for s in (1, 3, 9)) for _ in range(3)
    ]
    picture = np.stack(channels if coloured else channels[:1] * 3, axis=-1)
    return torch.from_numpy((0.5 + 0.2 * picture / picture.std()).clip(0, 1)).float()


def edited(frames):
    return VideoEdit(InMemoryFrames(frames), as_region(torch.ones(1, *frames.shape[1:3])), (96, 96))


def test_every_drawn_face_of_the_generator_counts_as_drawn():
    assert [number for number in range(FACES) if not is_drawn(drawn(number))] == []
    assert is_drawn(fit(drawn(1, 256), 96, 96)[0])


def test_the_bundled_portrait_and_video_count_as_drawn():
    assert is_drawn(read_picture(assets.portrait()))
    assert all(is_drawn(frame) for frame in read_video(assets.video()).frames[::10])


def test_pictures_of_light_and_grain_do_not():
    assert not any(is_drawn(photographed(number)) for number in range(10))
    assert not any(is_drawn(photographed(number, coloured=False)) for number in range(10))


def test_a_photograph_before_a_plain_backdrop_does_not_either():
    backdrop = torch.full((96, 96, 3), 0.9)
    backdrop[20:90, 24:72] = photographed(3)[20:90, 24:72]
    assert not is_drawn(backdrop)


def test_nothing_is_said_of_what_the_demo_knows(adapter):
    portrait = read_picture(assets.portrait())
    assert beyond_demo(adapter, Animation(portrait, 96, 96)) == []
    assert beyond_demo(adapter, Animation(None, 96, 96)) == []
    assert beyond_demo(adapter, edited(read_video(assets.video()).frames[:30])) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_another_size_and_a_photograph_are_said_once_with_what_to_load(adapter, dtype):
    portrait, adapter = read_picture(assets.portrait()), adapter.to(dtype)
    larger = beyond_demo(adapter, Animation(fit(portrait, 128, 96)[0], 128, 96))
    (photograph,) = beyond_demo(adapter, Animation(photographed(1), 96, 96))
    assert len(larger) == 1 and "generated at 128x96" in larger[0]
    assert "photograph or footage" in photograph
    assert all(remedy in line for line in (*larger, photograph) for remedy in REMEDIES)


def test_footage_that_begins_in_black_is_known_a_second_later(adapter):
    frames = torch.stack([torch.zeros(96, 96, 3)] * 12 + [photographed(5)] * 20)
    assert "photograph or footage" in beyond_demo(adapter, edited(frames))[0]


def test_a_run_of_the_demo_at_another_size_says_it(adapter):
    bundle = load_bundle(assets.model())
    voice = Audio(torch.zeros(1, 1600), 16000)
    chosen = Settings.of(bundle.metadata).override(width=64, height=64, steps=1, audio_guidance="1")
    lines = animate(bundle, voice, read_picture(assets.portrait()), settings=chosen).report.lines
    assert sum("trained on drawn faces only" in line for line in lines) == 1
    own = Settings.of(bundle.metadata).override(steps=1, audio_guidance="1")
    lines = animate(bundle, voice, read_picture(assets.portrait()), settings=own).report.lines
    assert not any("trained on drawn faces only" in line for line in lines)


def test_another_model_of_the_same_shape_is_not_the_demo(adapter):
    with torch.no_grad():
        adapter.float().audio_proj.fc1.bias[0] += 0.01
    assert not is_demo(adapter)
    assert beyond_demo(adapter, Animation(photographed(1), 128, 128)) == []
