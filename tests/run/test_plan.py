"""What a run will do is known before it begins, and the same whoever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.model.config import CONFIGS
from skyreels_core.run.plan import ModelFacts, RunPlan
from skyreels_core.run.settings import WAN
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.schedule import SigmaGrid, flow_sigmas
from skyreels_core.timeline import Timeline
from skyreels_core.windows import WindowPlan

FACTS = ModelFacts(CONFIGS["t2v-14b"], torch.bfloat16)
TIMELINE = Timeline(161, 25.0)  # 41 latent frames: three windows of 21


def planned(task="animation", facts=FACTS, **changes):
    return RunPlan.of(WAN.override(**changes), facts, TIMELINE, (832, 480), task)


def embedding(timestep):
    return torch.tensor([1.0, timestep / 1000])


def test_windows_and_sigmas_are_those_of_the_settings():
    plan = planned(window=9, overlap=3, fusion="forward", steps=4, shift=3.0)
    assert plan.windows == WindowPlan.plan(41, 9, 3, "forward")
    assert plan.sigmas.values == tuple(flow_sigmas(4, 3.0).tolist())


@pytest.mark.parametrize("text", ["1", "5", "linear:5->1@0.5"])
@pytest.mark.parametrize("rule", ["eq3", "multitalk"])
def test_the_forwards_of_a_run_are_those_that_the_denoiser_plans(text, rule):
    plan = planned(facts=replace(FACTS, rule=rule), text_guidance=text, steps=6)
    assert plan.forwards == Denoiser(None, plan.windows, plan.guidance, sigmas=plan.sigmas.values).total


def test_a_run_without_text_saves_the_forwards_of_its_branch():
    plan = planned(text_guidance="5", steps=10)
    assert (plan.forwards, plan.without_text().forwards) == (3 * 3 * 10, 3 * 2 * 10)
    assert plan.without_text().windows is plan.windows


def test_a_part_of_a_schedule_keeps_its_place_in_the_whole():
    whole = SigmaGrid(flow_sigmas(10, 5.0))
    part = planned("edit", text_guidance="linear:5->1", hybrid=0.5).over(SigmaGrid(whole.values[5:]), whole)
    assert part.guidance.text(part.guidance.grid.progress(part.sigmas.values[0])) == pytest.approx(3.0)
    assert part.hybrid.variant(part.sigmas.values[0]) == "first"
    assert part.forwards == 3 * 3 * 5


def test_an_animation_has_no_hybrid_inference_and_one_condition():
    assert planned().hybrid is None and planned().variants == ("video",)
    assert planned("edit", hybrid=0.2).variants == ("video", "first")


def test_a_cache_has_the_polynomial_of_the_file_or_of_the_backbone():
    assert planned().cache(embedding, on_cpu=False) is None and planned().velocities == 0
    plan = planned(cache_threshold=1e9, steps=4)
    assert plan.knows_coefficients
    assert plan.cache(embedding, on_cpu=False).plan.computed == (True, False, False, True)
    other = replace(FACTS, config=CONFIGS["demo"])
    assert not planned(facts=other, cache_threshold=0.1).knows_coefficients
    assert planned(facts=other, cache_threshold=0.1, cache_coefficients=(1.0, 0.0)).knows_coefficients


def test_a_cache_holds_what_fits_its_memory_and_no_more_than_a_step_computes():
    velocity = 4 * 16 * 21 * 60 * 104
    assert planned(cache_threshold=0.1).velocities == 3 * 3
    small = planned(cache_threshold=0.1, cache_memory=2.5 * velocity / 2**30)
    assert small.velocities == small.cache(embedding, on_cpu=False).limit == 2


def test_what_no_run_can_use_is_refused_by_one_check():
    for changes in (
        {"overlap": 21},
        {"steps": 0},
        {"text_guidance": "loud"},
        {"hybrid": 2.0},
        {"cache_memory": 0.0},
    ):
        with pytest.raises(InputError):
            WAN.override(**changes).check()
