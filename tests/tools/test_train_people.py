"""The training of the demo's people in one call: what it needs, and what it leaves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tools are no part of the package

from skyreels_core import assets
from skyreels_core.demo.people.takes import HELD_OUT
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.model.checkpoint import load_model
from skyreels_core.model.whisper import load_whisper
from skyreels_core.training.recipe import read_recipe
from tools.train_people.rendering import Plan
from tools.train_people.results import Results
from tools.train_people.run import Order, filled_recipe, place_encoders, start, starting_backbone

REPOSITORY = Path(__file__).parents[2]
WITHOUT_AV = """
import importlib.machinery as machinery
find = machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, path=None, target=None: None if name.split(".")[0] == "av" else find(name, path, target)
)
from tools.train_people.without_av import stand_in
assert stand_in()
import tools.train_people.run
"""


def order(folder: Path, recipe: str) -> Order:
    plan = Plan(folder, folder / "speech.npz", takes=4, held_out=2, size=64, processes=1)
    return Order(recipe, folder, folder / "results", plan, 10.0, start(), start() / "whisper.safetensors", 2)


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_a_shipped_recipe_is_filled_with_the_files_of_the_machine(tmp_path, name):
    recipe = read_recipe(filled_recipe(order(tmp_path, name)), EVERY_SECTION)
    assert {part.folder for part in recipe.data.parts} == {str(tmp_path / "takes")}
    assert recipe.transformer.backbone == str(start() / "model.safetensors")
    assert recipe.learned_from == "people"
    vae = str(start() / "vae.safetensors")
    assert (recipe.networks[0].config.start if name == "gpu" else recipe.encoders["vae"]) == vae


@pytest.mark.parametrize(
    ("name", "parts"),
    [("gpu", ["text_encoder", "whisper"]), ("cpu", ["text_encoder", "vae", "whisper"])],
)
def test_a_bundle_gets_the_encoders_that_its_recipe_does_not_train(tmp_path, name, parts):
    place_encoders(order(tmp_path, name))
    placed = sorted(file.stem for file in (tmp_path / "bundle").iterdir())
    assert placed == parts
    for part in placed:
        file = f"{part}.safetensors"
        assert (tmp_path / "bundle" / file).read_bytes() == (start() / file).read_bytes()


def test_the_gpu_recipe_states_less_than_ten_minutes(tmp_path):
    recipe = read_recipe(filled_recipe(order(tmp_path, "gpu")), EVERY_SECTION)
    stages = [stage for network in recipe.networks for stage in network.stages]
    stated = sum(stage.seconds for stage in [*stages, *(leg.stage for leg in recipe.transformer.legs)])
    assert 400 < stated + recipe.encoding_seconds < 600


def test_a_backbone_of_other_sizes_is_no_start():
    assert starting_backbone(assets.model()) == "people"


def test_the_transformer_goes_on_from_the_one_in_the_repository(tmp_path):
    recipe = read_recipe(filled_recipe(order(tmp_path, "cpu")), EVERY_SECTION)
    adapter = load_model(recipe.transformer.backbone, trains_audio=True)[1]
    assert adapter is not None
    assert adapter.config.width == load_whisper(recipe.encoders["whisper"]).width


def test_held_out_takes_have_numbers_that_training_never_draws(tmp_path):
    takes, kept = Plan(tmp_path, tmp_path, takes=600, held_out=12, size=64, processes=1).numbers()
    assert max(takes) < HELD_OUT <= min(kept)


def test_results_hold_what_is_there_and_the_last_losses(tmp_path):
    (tmp_path / "run" / "transformer").mkdir(parents=True)
    (tmp_path / "run" / "bundle").mkdir()
    (tmp_path / "run" / "bundle" / "model.safetensors").write_bytes(b"weights")
    with (tmp_path / "run" / "transformer" / "losses.csv").open("w", newline="") as file:
        csv.writer(file).writerows(["joint", k, "loss", 1 / (k + 1)] for k in range(40))
    Results(tmp_path / "results", tmp_path / "run").collect(tmp_path / "run" / "bundle")
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["losses.csv", "measures.json", "model.safetensors"]
    measures = json.loads((tmp_path / "results" / "measures.json").read_text())
    assert measures["loss_transformer_joint"] == pytest.approx((1 / 39 + 1 / 40) / 2, abs=1e-3)


def test_a_machine_without_pyav_can_train():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_AV], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
