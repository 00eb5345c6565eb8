"""Videos, metrics and the loss of clips that a model is not trained on, while it is trained."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from toys import material, sections, written

from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_video
from skyreels_core.training.recipe import read_recipe
from skyreels_core.training.train import train


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return material(tmp_path_factory.mktemp("data"))


def recipe(folder: Path, steps: int, **validate) -> Path:
    leg = {"name": "voice", "train": "audio", "batch": 1, "lr": 1e-3, "steps": steps}
    sampling = {"width": 32, "height": 32, "window": 5, "overlap": 1, "steps": 2}
    more = {"sampling": sampling, "validate": {"every": 2, "clips": 1, **validate}}
    return written(folder, {**sections(folder, leg), **more}, f"recipe{steps}")


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "validation" / "validation.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_few_steps_held_out_clips_become_videos_that_are_measured(data, tmp_path):
    train(recipe(data, 3, metrics=["sharpness", "flicker"]), tmp_path, EVERY_SECTION)
    train(recipe(data, 5, metrics=["sharpness", "flicker"]), tmp_path, EVERY_SECTION)  # resumed
    found = rows(tmp_path)
    assert [row["step"] for row in found] == ["2", "4"]
    assert all(float(row[name]) > 0 for row in found for name in ("loss", "sharpness", "flicker"))
    assert found[0]["loss"] != found[1]["loss"]
    videos = sorted((tmp_path / "validation").glob("step_*/clip_*.mp4"))
    clips = len(list((tmp_path / "clips").glob("0*.safetensors")))
    assert [video.parent.name for video in videos] == ["step_000002", "step_000004"]
    assert {video.stem for video in videos} == {f"clip_{clips - 1:06d}"}  # the last one
    assert len(read_video(videos[0]).frames) == 17
    assert (tmp_path / "validation" / "step_000004" / "metrics" / "report.md").is_file()
    assert (tmp_path / "validation" / "validation.png").stat().st_size > 500


def test_validation_changes_nothing_but_the_clips_that_are_left(data, tmp_path):
    def losses(run: Path) -> list[str]:
        return (run / "transformer" / "losses.csv").read_text().splitlines()

    for name, every in (("often", 1), ("never", 100)):
        train(recipe(data, 3, every=every, metrics=[]), tmp_path / name, EVERY_SECTION)
    assert losses(tmp_path / "often") == losses(tmp_path / "never")
    assert [row["step"] for row in rows(tmp_path / "often")] == ["1", "2", "3"]
    assert not (tmp_path / "never" / "validation").exists()


def test_more_clips_than_there_are_cannot_be_held_out(data, tmp_path):
    with pytest.raises(InputError, match="holds 99 clips out, and there are"):
        train(recipe(data, 1, clips=99), tmp_path, EVERY_SECTION)


@pytest.mark.parametrize(
    ("given", "says"), (({"every": 0}, "every: 0"), ({"metrics": ["beauty"]}, "beauty; choose from lips"))
)
def test_what_cannot_be_validated_is_said_when_the_recipe_is_read(data, given, says):
    with pytest.raises(InputError, match=says):
        read_recipe(recipe(data, 1, **given), EVERY_SECTION)
