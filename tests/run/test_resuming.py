from __future__ import annotations

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.run.resume import Resumable, WorkFolder
from skyreels_core.sampling.cache import IDENTITY, CachePlan, TeaCache, forced_steps
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.guidance import EQ3, Guidance, parse_schedule
from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import SOLVERS
from skyreels_core.windows import WindowPlan

STEPS = 12
SIGMAS = [float(sigma) for sigma in flow_sigmas(STEPS, 5.0)]
WINDOWS = WindowPlan.plan(11, 5, 2)
NOISE = torch.randn(1, 2, 11, 3, 3, generator=torch.Generator().manual_seed(5))


class Killed(Exception):
    pass


def evaluate(units, x, sigma):
    for unit in units:
        part = x[:, :, unit.window.frames]
        yield torch.tanh(part + 0.1 * unit.window.index + len(unit.branch)) + 0.3 * sigma * part


def embedding(timestep: float) -> torch.Tensor:
    return torch.cos(timestep / 1000 * torch.linspace(0, 4, 64, dtype=torch.float64))


def make_denoiser(cached: bool, limit: int | None = None) -> Denoiser:
    guidance = Guidance(parse_schedule("cosine:5->1@0.4"), parse_schedule("4.5"), EQ3, SIGMAS)
    cache = None
    if cached:
        plan = CachePlan.compute(SIGMAS, embedding, IDENTITY, 0.2, forced_steps(SIGMAS, guidance))
        assert 2 < len(plan.skipped) < STEPS - 2
        cache = TeaCache(plan, limit=limit)
    return Denoiser(evaluate, WINDOWS, guidance, cache=cache)


def run(work: WorkFolder, solver: str, cached: bool, killed_at: int | None = None, limit: int | None = None):
    denoiser = make_denoiser(cached, limit)
    resumable = Resumable(work, denoiser, SIGMAS)

    def die(step: int, x: torch.Tensor, denoised: torch.Tensor) -> None:
        if step == killed_at:
            raise Killed

    start = resumable.begin(NOISE)
    return SOLVERS[solver](denoiser, start, SIGMAS, callback=die, save=resumable.save), denoiser.counts


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_that_was_killed_at_any_step_ends_as_if_it_had_not_been(tmp_path, solver, cached, limit):
    with WorkFolder(tmp_path / "whole") as work:
        work.begin({})
        whole, counts = run(work, solver, cached, limit=limit)
    for step in range(STEPS):
        folder = tmp_path / f"killed at {step}"
        with pytest.raises(Killed), WorkFolder(folder) as work:
            work.begin({})
            run(work, solver, cached, killed_at=step, limit=limit)
        with WorkFolder(folder, "resume") as work:
            work.begin({})
            resumed, again = run(work, solver, cached, limit=limit)
        assert torch.equal(resumed, whole)
        assert again == counts


def test_a_run_that_was_over_gives_its_latents_without_a_forward(tmp_path):
    with WorkFolder(tmp_path / "work") as work:
        work.begin({})
        whole, counts = run(work, "dpmpp_2m", cached=True)
        again, same = run(work, "dpmpp_2m", cached=True)
    assert torch.equal(again, whole) and same == counts


def test_velocities_are_saved_only_where_the_next_step_reuses_them(tmp_path):
    denoiser = make_denoiser(cached=True)
    computed = denoiser.cache.plan.computed
    with WorkFolder(tmp_path / "work") as work:
        work.begin({})
        resumable = Resumable(work, denoiser, SIGMAS)

        def save(state) -> None:
            resumable.save(state)
            saved = any(name.startswith("velocity") for name in work.load()[0])
            assert saved == (state.step < STEPS and not computed[state.step])

        SOLVERS["euler"](denoiser, NOISE, SIGMAS, save=save)


def test_a_cache_holds_no_more_velocities_than_it_may():
    denoiser = make_denoiser(cached=True, limit=2)
    x = NOISE
    for sigma in SIGMAS[:-1]:
        x = denoiser(x, sigma)
        assert len(denoiser.velocities) <= 2
    assert denoiser.counts.computed.total() == denoiser.total > make_denoiser(cached=True).total


@pytest.mark.parametrize(
    "tensors, values",
    [
        ({}, {"step": 2, "computed": {}, "reused": {}}),
        ({"x": NOISE[:, :, :4]}, {"step": 2, "computed": {}, "reused": {}}),
        ({"x": NOISE}, {"step": 99, "computed": {}, "reused": {}}),
        ({"x": NOISE}, {"step": "two", "computed": {}, "reused": {}}),
        ({"x": NOISE}, {"step": 2}),
        ({"x": NOISE}, {"step": 2, "computed": {"77 full video": 1}, "reused": {}}),
        ({"x": NOISE, "velocity nonsense": NOISE.clone()}, {"step": 2, "computed": {}, "reused": {}}),
    ],
)
def test_a_state_of_something_else_is_one_sentence(tmp_path, tensors, values):
    with WorkFolder(tmp_path / "work") as work:
        work.begin({})
        work.save(tensors, values)
        with pytest.raises(InputError, match=r"does not fit this run .*--restart"):
            Resumable(work, make_denoiser(cached=True), SIGMAS).begin(NOISE)
