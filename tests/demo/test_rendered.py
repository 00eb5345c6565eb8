"""Training from rendered takes: how they are cut and resized, and a whole recipe in a given time."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

import numpy as np
import pytest
import torch

from skyreels_core import assets
from skyreels_core.demo import rendered
from skyreels_core.demo.people.carried import packed_voice
from skyreels_core.demo.people.shards import Shards
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.demo.rendered import TakeClips, TakeFaces, View
from skyreels_core.errors import InputError
from skyreels_core.model.bundle import load_bundle
from skyreels_core.training.train import train

FRAMES, SIDE = 40, 64

RECIPE = """
learned_from: people
text_seed: 0
text_pieces: 300
held: true
encoding_seconds: 3
data:
  kind: mixed
  folder: $takes
  frames: 9
  step: 8
  parts: [{height: 32, width: 32, first: 0, every: 2}, {height: 48, width: 32, first: 1, every: 2}]
autoencoder:
  material: {kind: takes, folder: $takes, size: 32}
  width: 4
  seed: 0
  stages:
    - {name: pictures, steps: 100000, seconds: 2, batch: 2, frames: 1, lr: 1.0e-3, warmup: 2,
       sizes: [[32, 32], [48, 32]]}
    - {name: clips, steps: 100000, seconds: 2, batch: 1, frames: 5, lr: 1.0e-3, warmup: 2, crop: 16}
encoders: {whisper: $whisper}
transformer:
  backbone: demo
  seed: 0
  legs:
    - {name: joint, train: all, editing: 0.5, steps: 100000, seconds: 4, batch: 2, lr: 1.0e-3, ema: 0.9}
sampling: {width: 32, height: 32, steps: 2}
"""


@pytest.fixture(scope="module")
def takes(tmp_path_factory) -> Path:
    """Two takes of noise with a face of landmarks on a ring."""
    folder = tmp_path_factory.mktemp("takes")
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    ring = np.stack([32 + 16 * np.cos(angles), 32 + 16 * np.sin(angles)], axis=1)
    for number in range(2):
        rng = np.random.default_rng(number)
        np.save(folder / f"take_{number:08d}.npy", rng.integers(0, 255, (FRAMES, SIDE, SIDE, 3), np.uint8))
        np.savez(
            folder / f"take_{number:08d}.npz", fps=25.0, voice=packed_voice(0.1 * torch.randn(16000)),
            caption="a person",
            landmarks=np.tile(ring, (FRAMES, 1, 1)).astype(np.float32), poses=np.zeros((FRAMES, 14), np.float32),
            visemes=np.zeros(FRAMES, np.int64),
        )  # fmt: skip
    return folder


def test_landmarks_stay_on_their_pixels_in_every_view():
    rng = np.random.default_rng(0)
    frames = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    frames[0, 30:34, 38:42] = 255
    for size in ((64, 64), (48, 32), (96, 80)):
        view = View.draw(rng, (SIDE, SIDE), size)
        seen, place = view.of(frames)[0, ..., 0], view.places(torch.tensor([[40.0, 32.0]]))[0]
        rows, columns = (seen > 0.5).nonzero().float().add(0.5).T
        assert abs(columns.mean() - place[0]) < 1.1 and abs(rows.mean() - place[1]) < 1.1


def test_the_whole_view_of_another_shape_is_cut_from_the_middle():
    view = View.whole((256, 256), (208, 176))
    assert (view.height, view.width) == (256, 217) and view.left == (256 - 217) // 2


def test_a_small_portrait_shows_the_face_from_nearer():
    assert View.portrait((256, 256), (192, 192)) == View.whole((256, 256), (192, 192))
    near = View.portrait((256, 256), (128, 128))
    assert (near.height, near.width, near.left, near.top) == (192, 192, 32, 22)
    tall = View.portrait((256, 256), (144, 112))
    assert tall.height / tall.width == pytest.approx(144 / 112, abs=0.01)
    corners = torch.tensor([[tall.left, tall.top], [tall.left + tall.width, tall.top + tall.height]]).float()
    assert torch.allclose(tall.places(corners), torch.tensor([[0.0, 0.0], [112.0, 144.0]]), atol=0.5)


def test_a_batch_is_of_one_size_with_the_mouth_counting_more(takes):
    clips = TakeFaces(str(takes), 32).clips([1, 2, 3], 5, 8.0, (48, 32))
    assert all(clip.frames.shape == (5, 48, 32, 3) and clip.weight.shape == (5, 48, 32) for clip in clips)
    assert all(clip.weight.max() > 4 and clip.frames.min() >= 0 and clip.frames.max() <= 1 for clip in clips)
    again = TakeFaces(str(takes), 32).clips([1], 5, 8.0, (48, 32))[0]
    assert torch.equal(again.frames, clips[0].frames)


def test_sizes_that_share_a_folder_share_its_clips_out(takes):
    parts = [TakeClips(str(takes), 9, 32, 32, 8, first, 2) for first in range(2)]
    assert sorted(parts[0].index + parts[1].index) == [(t, f, 0) for t in range(2) for f in (0, 8, 16, 24)]
    clip = parts[0].clip(0)
    assert clip.frames.shape == (9, 32, 32, 3) and clip.boxes.any() and len(clip.samples) == 16000


def test_variations_are_the_same_takes_seen_otherwise(takes):
    clips = TakeClips(str(takes), 9, 32, 32, 8, variations=2)
    assert sorted(clips.index) == [(t, f, v) for t in range(2) for f in (0, 8, 16, 24) for v in range(3)]
    of = {entry: clips.clip(number) for number, entry in enumerate(clips.index)}
    plain = TakeClips(str(takes), 9, 32, 32, 8)
    for number, entry in enumerate(plain.index):
        assert torch.equal(plain.clip(number).frames, of[(*entry[:2], 0)].frames)
    for (t, f, v), clip in of.items():
        first = of[t, f, 0]
        assert v == 0 or not torch.equal(clip.frames, first.frames)
        assert clip.first_frame == first.first_frame and torch.equal(clip.samples, first.samples)
        assert torch.equal(clips.clip(clips.index.index((t, f, v))).frames, clip.frames)


@pytest.mark.parametrize("seen_as", [View.portrait, View.whole])
def test_a_variation_stays_within_the_picture_and_keeps_landmarks_on_the_face(seen_as):
    pictures = np.zeros((1, 60, 80, 3), dtype=np.uint8)
    pictures[:, 34:38, 50:54] = 255
    spot = torch.tensor([[52.0, 36.0]])
    seen = set()
    for seed in range(40):
        view = seen_as((60, 80), (32, 32)).varied(np.random.default_rng(seed), (60, 80))
        assert (
            view.top >= 0 and view.left >= 0 and view.top + view.height <= 60 and view.left + view.width <= 80
        )
        bright = view.of(pictures)[0].mean(-1)
        across, down = view.places(spot)[0].tolist()
        ys, xs = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
        centre = [float((bright * at).sum() / bright.sum()) for at in (xs, ys)]
        assert centre == pytest.approx([across, down], abs=0.6)
        seen.add((view.mirrored, view.height))
    assert {mirrored for mirrored, _ in seen} == {False, True} and len(seen) > 8


def test_a_variation_has_colours_of_its_own(takes, monkeypatch):
    clips = TakeClips(str(takes), 9, 32, 32, 8, variations=1)
    number = next(n for n, (_, _, variation) in enumerate(clips.index) if variation)
    tinted = clips.clip(number)
    monkeypatch.setattr(rendered, "TINT", 0.0)
    monkeypatch.setattr(rendered, "GAMMA", 0.0)
    plain = clips.clip(number)
    assert torch.equal(tinted.lips, plain.lips)
    assert (tinted.frames - plain.frames).abs().mean() > 0.002


def test_fewer_than_no_variations_are_refused(takes):
    with pytest.raises(InputError, match="`variations` is -1; give how many"):
        TakeClips(str(takes), 9, 32, 32, 8, variations=-1).clip(0)


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(InputError, match="people render"):
        Shards(tmp_path).now()


def test_takes_that_are_too_short_are_named(takes):
    with pytest.raises(InputError, match="41 frames"):
        TakeFaces(str(takes), 32).clips([1], 41, 1.0)


def test_a_whole_recipe_ends_in_its_time_and_leaves_a_bundle_at_every_checkpoint(takes, tmp_path):
    files = {"takes": takes, "whisper": assets.model() / "whisper.safetensors"}
    recipe = tmp_path / "recipe.yaml"
    quoted = {name: json.dumps(str(file)) for name, file in files.items()}
    recipe.write_text(string.Template(RECIPE).substitute(quoted))
    seen = []
    bundle = train(
        recipe, tmp_path / "run", EVERY_SECTION, seconds=12, saved=lambda b: seen.append(sorted(b.iterdir()))
    )
    assert [path.name for path in seen[-1]] == [
        "model.safetensors",
        "text_encoder.safetensors",
        "vae.safetensors",
    ]
    assert (tmp_path / "run" / "autoencoder" / "vae.safetensors").exists()
    (bundle / "whisper.safetensors").write_bytes(files["whisper"].read_bytes())
    made = load_bundle(bundle)
    assert made.metadata["learned_from"] == "people" and made.adapter is not None


def test_a_folder_may_hold_more_takes_than_a_process_may_open_files(takes):
    shards = Shards.of(str(takes)).now()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    kept = [shard.frames[:2].sum() for shard in shards for _ in range(40)]
    assert len(kept) == 80
    assert not before or len(os.listdir("/proc/self/fd")) <= before + 2
