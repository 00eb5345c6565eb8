"""Stages that end by time, and recipes that fit a given one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.errors import InputError
from skyreels_core.training.budget import TimeBudget
from skyreels_core.training.loop import AS_STATED, Run, Stage
from skyreels_core.training.recipe import Recipe, read_recipe
from skyreels_core.training.train import _budget

SLEEP = 0.02
RECIPES = Path(__file__).parents[2] / "skyreels_core" / "training" / "recipes"


def trained(folder: Path, stage: Stage, budget=AS_STATED) -> Run:
    network = torch.nn.Linear(4, 1)
    going = Run(folder, network, Accelerator(cpu=True), seed=0, budget=budget)

    def step(model: torch.nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
        time.sleep(SLEEP)
        return {"loss": (model(torch.randn(8, 4, generator=generator)) - 1).square().mean()}

    going.stage(stage, network.parameters(), step)
    return going


def test_a_stage_ends_with_its_seconds_and_its_checkpoint_says_so(tmp_path):
    stage = Stage("short", 10_000, 8, 0.1, warmup=1, seconds=0.3)
    first = trained(tmp_path, stage)
    assert 1 <= first.done["short"] <= 0.3 / SLEEP + 1
    resumed = trained(tmp_path, stage)
    assert resumed.done == first.done
    assert resumed.spent["short"] == pytest.approx(0.3, abs=0.2)


def test_more_seconds_resume_a_stage_that_its_time_had_ended(tmp_path):
    stage = Stage("short", 10_000, 8, 0.1, warmup=1, seconds=0.2)
    before = trained(tmp_path, stage).done["short"]
    after = trained(tmp_path, replace(stage, seconds=0.5))
    assert after.done["short"] > before and after.spent["short"] == pytest.approx(0.5, abs=0.2)


def test_the_learning_rate_falls_with_whatever_ends_first():
    stage = Stage("s", 1000, 1, 1.0, warmup=10, final_lr=0.1, seconds=100.0)
    assert stage.rate(500, 0.0) > stage.rate(500, 80.0)
    assert stage.rate(20, 100.0) == pytest.approx(0.1)
    assert stage.rate(999, 5.0) == pytest.approx(0.1, abs=1e-3)


def test_a_budget_shares_what_is_left_in_proportion_to_the_stated_seconds():
    parts = (("vae", 60.0), ("encoding", 10.0), ("joint", 30.0))
    budget = TimeBudget(time.monotonic() + 50, parts)
    assert budget.share("vae") == pytest.approx(30, abs=0.1)
    assert budget.share("joint") == pytest.approx(50, abs=0.1)
    late = TimeBudget(time.monotonic() - 1, parts)
    assert late.limited(Stage("joint", 5, 1, 1.0), spent=7.0).seconds == 8.0


def test_a_run_under_a_budget_does_not_train_a_finished_stage_again(tmp_path):
    stage, parts = Stage("vae", 10_000, 8, 0.1, warmup=1, seconds=60.0), (("vae", 60.0),)
    first = trained(tmp_path, stage, TimeBudget(time.monotonic() + 0.2, parts))
    again = trained(tmp_path, stage, TimeBudget(time.monotonic() + 5, parts))
    assert again.done == first.done


@pytest.mark.parametrize("recipe", ["people_cpu", "people_gpu"])
def test_the_recipes_for_people_fit_into_a_given_time(recipe):
    budget = _budget(read(recipe), time.monotonic() + 100)
    assert all(budget.share(name) > 0 for name, _ in budget.parts)


def test_a_recipe_that_states_no_seconds_is_not_given_a_time():
    with pytest.raises(InputError, match="encoding_seconds"):
        _budget(read("demo"), time.monotonic() + 100)


def read(name: str) -> Recipe:
    return read_recipe(RECIPES / f"{name}.yaml", EVERY_SECTION)
