"""What an animation holds, while it is sampled and while its frames are read, does not grow with its length."""

from __future__ import annotations

import gc

import torch

from skyreels_core.media.sound import Audio
from skyreels_core.pipeline.animate import animate
from skyreels_core.run.resume import WorkFolder
from skyreels_core.run.settings import Settings

SIDE, FPS, EVERY = 32, 4, 10
SHAPES = (SIDE, SIDE, 3), (1, 4000)  # the picture, one second of sound
FRAME = 4 * 3 * SIDE * SIDE  # bytes


def held():
    """Bytes of all pictures, latents and activations that are alive; sounds and tokens have fewer dimensions."""
    tensors = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor and thing.ndim >= 3]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


def most_held(bundle, seconds, folder):
    preset = Settings.of(bundle.metadata).override(
        width=SIDE, height=SIDE, fps=FPS, window=3, overlap=1, steps=1, audio_guidance="1"
    )
    picture, sound = (torch.rand(shape, generator=torch.Generator().manual_seed(1)) for shape in SHAPES)
    voice = Audio(0.2 * (sound.repeat(1, seconds) - 0.5), 4000)
    watched = []

    def watch(stage, done, planned, what):
        if done % EVERY == 0:
            watched.append(held())

    with WorkFolder(folder) as work:
        result = animate(bundle, voice, picture, settings=preset, progress=watch, work=work)
        assert sum(1 for _ in result.frames) == seconds * FPS
        work.finish()
    return max(watched)


def test_an_animation_three_times_as_long_holds_no_more_frames(bundle, tmp_path):
    """The latents are as long as the video: a fiftieth of its frames, in several copies."""
    short, long = (most_held(bundle, seconds, tmp_path / str(seconds)) for seconds in (10, 30))
    assert long - short < 20 * FPS * FRAME / 5
