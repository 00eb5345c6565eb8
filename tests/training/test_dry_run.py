"""`train --dry-run`: what a recipe would need, without weights in memory, clips or a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from toys import PARTS, material, sections, written

from skyreels_core.cli import main
from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.training.dry_run import named_files
from skyreels_core.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "skyreels_core" / "training" / "recipes"


@pytest.fixture
def recipe(tmp_path) -> Path:
    material(tmp_path)
    legs = (
        {"name": name, "train": train, "steps": 9} for name, train in (("voice", "audio"), ("joint", "all"))
    )
    asked = sections(tmp_path, *legs)
    asked["data"]["width"] = 64
    return written(tmp_path, asked)


def words(recipe: Path, *more: str) -> list[str]:
    return ["train", "--config", str(recipe), "--output", str(recipe.parent / "run"), "--dry-run", *more]


def test_it_says_what_each_stage_trains_on_what_and_how_much_memory_it_needs(recipe, capsys):
    assert main(words(recipe)) == 0
    said = capsys.readouterr().out
    assert "of 17 frames, 64x32, 25 fps" in said
    assert "stage voice: trains audio, 9 steps of 2 clips" in said and "stage joint: trains all" in said
    assert said.count("GPU memory, about 0.") == 2 and "frozen weights" in said
    assert not (recipe.parent / "run").exists()


def test_several_devices_are_counted_each(recipe, capsys):
    assert main(words(recipe, "--devices", "cpu,cpu")) == 0
    assert "GiB each: " in capsys.readouterr().out


def test_files_that_are_missing_are_all_named_at_once(recipe, capsys):
    for part in PARTS[:2]:
        (recipe.parent / f"{part}.safetensors").unlink()
    assert main(words(recipe)) == 2
    said = capsys.readouterr()
    assert [line for line in said.out.splitlines() if line.startswith("missing: ")] == [
        f"missing: {recipe.parent / part}.safetensors" for part in PARTS[:2]
    ]
    assert "2 of the recipe's files and folders are not there" in said.err


def test_what_the_recipe_rules_out_is_said(recipe, capsys):
    asked = {**json.loads(recipe.read_text()), "memory": {"fp8": True}}
    recipe.write_text(json.dumps(asked))
    assert main(words(recipe)) == 2
    assert "a leg trains the backbone itself" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*_*b.yaml")), ids=lambda path: path.stem)
def test_recipes_for_real_backbones_name_every_file_that_they_need(path):
    named = named_files(read_recipe(path, EVERY_SECTION))
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {*sections["encoders"].values(), sections["transformer"]["backbone"]} <= set(named)
    assert any(name in named for name in (sections["data"].get("manifest"), sections["data"]["folder"]))


@pytest.mark.parametrize(
    ("changes", "says"),
    (
        ({"memory": None}, "`memory` has the fields fp8"),
        ({"memory": {"fp16": True}}, "fp16 is given"),
        ({"memory": {"fp8": "maybe"}}, "give true or false"),
        ({"validate": {"every": 3, "metrics": "lips"}}, r"give a list, such as \[lips\]"),
        ({"validate": {"every": "often"}}, "every: often"),
        ({"precision": "int8"}, "`precision` is int8, not one of no, fp16, bf16"),
    ),
)
def test_a_section_that_cannot_be_meant_is_one_sentence(recipe, changes, says):
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), **changes}))
    with pytest.raises(InputError, match=says):
        read_recipe(recipe)
