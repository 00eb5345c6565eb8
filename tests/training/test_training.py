"""The real curriculum at toy size: encoding, both stages, resuming, what is written."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from toys import encoded_noise, leg, material, sections, toy, written

from skyreels_core import assets
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_video
from skyreels_core.model import compiling
from skyreels_core.training.clips import FolderClips
from skyreels_core.training.encoded import EncodedClips
from skyreels_core.training.loop import Run, Stage
from skyreels_core.training.recipe import read_recipe
from skyreels_core.training.train import _start, train
from skyreels_core.training.transformer import Leg, train_transformer


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> EncodedClips:
    return encoded_noise(tmp_path_factory.mktemp("clips"))


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


def test_the_voice_stage_never_loses_every_voice(clips, tmp_path):
    start = toy().state_dict()
    trained = run(clips, tmp_path, leg("voice", "audio", 3, drop_audio=1.0))
    assert any(not torch.equal(start[name], trained[name]) for name in start)


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


@pytest.mark.parametrize("option", ["weigh_channels", "compile"])
def test_an_option_of_the_transformer_changes_how_it_trains(option, tmp_path, monkeypatch):
    """Weighed channels give another loss; compiled blocks the same one."""
    compiled, blocks = [], compiling.compile_blocks

    def compile_blocks(*networks, **how):  # without a compiler's minutes
        compiled.append(networks)
        blocks(*networks, **how, backend="eager")

    monkeypatch.setattr(compiling, "can_compile", lambda device: True)
    monkeypatch.setattr(compiling, "compile_blocks", compile_blocks)
    material(tmp_path)
    leg = {"name": "joint", "train": "all"}
    losses = []
    for asked in (False, True):
        recipe = written(tmp_path, sections(tmp_path, leg, **{option: asked}), f"{asked}")
        train(recipe, tmp_path / f"{asked}")
        table = (tmp_path / f"{asked}" / "transformer" / "losses.csv").read_text().split()
        losses.append([float(line.split(",")[-1]) for line in table])
    plain, asked = losses
    assert (asked == pytest.approx(plain, rel=1e-4)) == (option == "compile")
    assert len(compiled) == (option == "compile")


def test_a_backbone_from_scratch_attends_in_place_where_the_recipe_says_so(tmp_path):
    leg = {"name": "joint", "train": "all"}
    starts = []
    for asked in (False, True):
        given = sections(tmp_path, leg, backbone="people", attend_in_place=asked)
        backbone = _start(read_recipe(written(tmp_path, given, f"{asked}")), audio_width=64).backbone
        starts.append(bool(backbone.blocks[0].self_attn.q.bias.any()))
    assert starts == [False, True]
