"""The real curriculum at toy size: encoding, both stages, resuming, what is written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from skyreels_core import assets
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_video
from skyreels_core.model.adapter import AudioAdapter
from skyreels_core.model.backbone import WanModel
from skyreels_core.model.bundle import load_bundle, random_bundle
from skyreels_core.model.config import AudioConfig, WanConfig
from skyreels_core.training.clips import Clip, FolderClips
from skyreels_core.training.encoded import EncodedClips, Encoders, encode_clips
from skyreels_core.training.loop import Run, Stage
from skyreels_core.training.losses import Objective
from skyreels_core.training.recipe import read_recipe
from skyreels_core.training.transformer import AudioDrivenModel, Leg, train_transformer

SIZES = WanConfig("t2v", 36, 32, 64, 32, 64, 16, 2, 2, 512, 1e-6)


@dataclass(frozen=True)
class NoiseClips:
    """Moving noise with a voice of noise; the second clip shows no known face."""

    def __len__(self) -> int:
        return 2

    def captions(self) -> list[str]:
        return ["red noise", "blue noise"]

    def clip(self, index: int) -> Clip:
        generator = torch.Generator().manual_seed(index)
        frames = torch.rand(9, 32, 32, 3, generator=generator)
        samples = 0.1 * torch.randn(32000, generator=generator)
        box = torch.zeros(9, 32, 32)
        box[:, 16:, :16] = 1
        known = (box, box) if index == 0 else (None, None)
        return Clip(frames, 25.0, samples, 3 * index, self.captions()[index], *known)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> EncodedClips:
    folder = tmp_path_factory.mktemp("clips")
    random_bundle(folder, seed=0)
    bundle = load_bundle(folder)
    encoders = Encoders(bundle.vae, bundle.text_encoder, bundle.whisper)
    return encode_clips(NoiseClips(), encoders, folder / "encoded")


def toy() -> AudioDrivenModel:
    generator = torch.Generator().manual_seed(0)
    backbone, adapter = WanModel(SIZES), AudioAdapter(AudioConfig(64, 32, 2, 2, 1e-6, True))
    backbone.init_weights(generator)
    adapter.init_weights(generator)
    torch.nn.init.normal_(backbone.head.head.weight, generator=generator)  # at zero no gradient would pass it
    return AudioDrivenModel(backbone, adapter)


def leg(name: str, train: str, steps: int, **objective: float) -> Leg:
    return Leg(
        Stage(name, steps, 2, 1e-3, warmup=1, ema=0.5), train, editing=0.5, objective=Objective(**objective)
    )


def run(clips: EncodedClips, folder: Path, *legs: Leg) -> dict[str, torch.Tensor]:
    model = train_transformer(toy(), clips, legs, folder, Accelerator(cpu=True), seed=0)
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_an_edit_shows_all_but_the_box_and_a_clip_without_a_face_is_an_animation(clips):
    batch = clips.batch([0, 1], [0, 1])
    masks = batch.editing[:, 0]
    assert masks[0, 0].min() == 1  # the first frame is whole
    assert torch.equal(masks[0, 1], torch.tensor([[1.0, 1, 1, 1]] * 2 + [[0.0, 0, 1, 1]] * 2))
    assert torch.equal(batch.editing[1], batch.animation[1])
    assert batch.lips[0].any() and not batch.lips[1].any()


def test_a_swapped_voice_brings_its_own_tokens_and_positions(clips):
    own, swapped = clips.batch([0, 1], [0, 1]), clips.batch([0, 1], [1, 0])
    assert torch.equal(swapped.tokens[0], own.tokens[1])
    assert torch.equal(swapped.key_positions[0], own.key_positions[1])
    assert torch.equal(swapped.latent, own.latent)


def test_the_voice_stage_leaves_the_backbone_alone_and_the_joint_stage_moves_it(clips, tmp_path):
    start = toy().state_dict()
    voice = run(clips, tmp_path / "voice", leg("voice", "audio", 2, drop_audio=0.0, drop_both=0.0))
    moved = {name for name in start if not torch.equal(start[name], voice[name])}
    assert moved and all(name.startswith("adapter.") for name in moved)
    joint = run(clips, tmp_path / "joint", leg("joint", "all", 2, drop_audio=0.0, drop_both=0.0))
    assert any(name.startswith("backbone.") and not torch.equal(start[name], joint[name]) for name in start)


def test_without_a_voice_the_audio_layers_stay_as_they_are(clips, tmp_path):
    silent = replace(leg("video", "all", 2), voice=False)
    trained = run(clips, tmp_path, silent)
    assert all(torch.equal(trained[n], v) for n, v in toy().state_dict().items() if n.startswith("adapter."))


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(clips, tmp_path):
    first, second = leg("video", "backbone", 3), leg("joint", "all", 3)
    whole = run(clips, tmp_path / "whole", first, second)
    run(clips, tmp_path / "parts", first, replace(second, stage=replace(second.stage, steps=0)))
    parts = run(clips, tmp_path / "parts", first, second)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "parts" / "losses.png").stat().st_size > 1000
    assert len((tmp_path / "parts" / "losses.csv").read_text().splitlines()) == 6


def test_a_run_that_was_killed_in_a_stage_goes_on_from_its_last_checkpoint(tmp_path):
    def trained(folder: Path, dies_at: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        network = torch.nn.Linear(4, 1)
        going = Run(folder, network, Accelerator(cpu=True), seed=0, save_every=2)
        steps = iter(range(100))

        def step(model: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
            if next(steps) == dies_at:
                raise KeyboardInterrupt
            return {"loss": (model(torch.randn(8, 4, generator=generator)) - 1).square().mean()}

        going.stage(Stage("only", 7, 8, 0.1, warmup=1), network.parameters(), step)
        return network.weight.detach().clone()

    whole = trained(tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", 5)
    assert torch.equal(trained(tmp_path / "killed", None), whole)


def test_a_loss_that_is_not_finite_names_the_way_out(clips, tmp_path):
    diverging = leg("joint", "all", 50)
    with pytest.raises(FloatingPointError, match="Lower its `lr`"):
        run(clips, tmp_path, replace(diverging, stage=replace(diverging.stage, lr=1e30)))


def test_shipped_recipes_can_be_read():
    recipes = Path(__file__).parents[2] / "skyreels_core" / "training" / "recipes"
    read = [read_recipe(path, EVERY_SECTION) for path in recipes.glob("*.yaml")]
    assert len(read) >= 2
    assert all(recipe.transformer.legs for recipe in read)


def test_a_recipe_with_an_unknown_field_names_it(tmp_path):
    text = (Path(__file__).parents[2] / "skyreels_core/training/recipes/demo.yaml").read_text()
    (tmp_path / "bad.yaml").write_text(text.replace("kind: drawn", "kind: drawn\n  colour: 3"))
    with pytest.raises(InputError, match="colour"):
        read_recipe(tmp_path / "bad.yaml", EVERY_SECTION)


def test_a_folder_of_videos_becomes_clips_with_voice_caption_and_face(tmp_path):
    shutil.copy(assets.video(), tmp_path / "talk.mp4")
    shutil.copy(assets.keypoints(), tmp_path / "talk.json")
    (tmp_path / "talk.txt").write_text("a calm person\n")
    clips = FolderClips(str(tmp_path), frames=33, width=96, height=96, fps=25.0)
    clip = clips.clip(1)
    assert len(clips) >= 2 and clip.first_frame == 33
    assert clip.frames.shape == (33, 96, 96, 3) and clip.boxes.shape == clip.lips.shape == (33, 96, 96)
    assert clip.caption == "a calm person"
    assert len(clip.samples) / 16000 == pytest.approx(read_video(assets.video()).seconds, abs=0.1)


def test_an_empty_folder_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="names no videos"):
        len(FolderClips(str(tmp_path), frames=33, width=96, height=96, fps=25.0))
