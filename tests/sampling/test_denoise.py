from __future__ import annotations

from collections import Counter

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.sampling.cache import IDENTITY, CachePlan, TeaCache, forced_steps
from skyreels_core.sampling.denoise import Denoiser
from skyreels_core.sampling.finite import ComputeInfo
from skyreels_core.sampling.guidance import EQ3, Constant, Guidance, Interval, parse_schedule
from skyreels_core.sampling.hybrid import Hybrid
from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import SOLVERS, dpmpp_2m, euler
from skyreels_core.windows import WindowPlan

SIGMAS = flow_sigmas(20, 5)
WINDOWS = WindowPlan.plan(11, 5, 2)
SHIFTS = {"full": 0.9, "noaudio": 0.2, "null": -0.5}
ONE = Guidance(Constant(1), Constant(1), EQ3, SIGMAS)
EQUATION_3 = Guidance(parse_schedule("cosine:5->1@0.4"), Constant(4.5), EQ3, SIGMAS)
COMES_BACK = Guidance(Constant(1), Interval(4.5, 0.3, 0.7), EQ3, SIGMAS)


def velocity(unit, part: torch.Tensor, sigma: float) -> torch.Tensor:
    variant = 0.4 if unit.variant == "first" else 0.0
    return torch.tanh(part - SHIFTS[unit.branch] + variant + 0.1 * unit.window.index) + 0.2 * sigma * part


def evaluate(units, x, sigma):
    return [velocity(unit, x[:, :, unit.window.frames], sigma) for unit in units]


def evaluate_denoised(units, x, sigma):
    parts = [x[:, :, unit.window.frames] for unit in units]
    return [part - sigma * velocity(unit, part, sigma) for unit, part in zip(units, parts, strict=True)]


class Recorder:
    """Evaluates, and remembers which units were computed at which sigma."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, list]] = []

    def __call__(self, units, x, sigma):
        self.calls.append((sigma, list(units)))
        return evaluate(units, x, sigma)

    def units_at(self, sigma: float) -> list:
        return [unit for at, units in self.calls if at == float(sigma) for unit in units]


def noise(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(1, 2, 11, 3, 3, dtype=dtype, generator=torch.Generator().manual_seed(5))


def embedding(timestep: float) -> torch.Tensor:
    """A timestep embedding whose change from step to step is a few percent, as a trained one's is."""
    return torch.cos(timestep / 1000 * torch.linspace(0, 4, 64, dtype=torch.float64))


def tea_cache(
    guidance: Guidance = EQUATION_3, hybrid=None, threshold: float = 0.1, sigmas=SIGMAS
) -> TeaCache:
    forced = forced_steps(sigmas, guidance, hybrid)
    return TeaCache(CachePlan.compute(sigmas, embedding, IDENTITY, threshold, forced))


def test_a_step_is_guidance_inside_each_window_then_fusion():
    x, sigma = noise(torch.float64), float(SIGMAS[4])
    row = EQUATION_3.coefficients(sigma)
    guided = []
    for window in WINDOWS.windows:
        part = x[:, :, window.frames]
        shift = 0.1 * window.index
        guided.append(
            sum(
                c * (torch.tanh(part - SHIFTS[branch] + shift) + 0.2 * sigma * part)
                for branch, c in row.items()
            )
        )
    expected = x - sigma * WINDOWS.fuse(guided)
    assert len(row) == 3
    torch.testing.assert_close(Denoiser(evaluate, WINDOWS, EQUATION_3)(x, sigma), expected)


def test_one_window_and_one_branch_are_plain_evaluation_bit_for_bit():
    whole = WindowPlan.plan(11, 21, 5)
    x, sigma = noise(), float(SIGMAS[3])
    unit_free = torch.tanh(x - SHIFTS["full"]) + 0.2 * sigma * x
    assert torch.equal(Denoiser(evaluate, whole, ONE)(x, sigma), x - sigma * unit_free)
    host = Denoiser(evaluate_denoised, whole, ONE, predicts="denoised")
    assert torch.equal(host(x, sigma), x - sigma * unit_free)


@pytest.mark.parametrize("solver", SOLVERS.values())
@pytest.mark.parametrize("cached", [False, True])
def test_a_host_that_predicts_x0_gives_the_same_video(solver, cached):
    cache = tea_cache() if cached else None
    core = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=cache)
    host = Denoiser(evaluate_denoised, WINDOWS, EQUATION_3, cache=cache, predicts="denoised")
    x = noise(torch.float64)
    # 1e-5: the cache rounds the velocity of both to float32, of slightly different numbers
    torch.testing.assert_close(solver(core, x, SIGMAS), solver(host, x, SIGMAS), atol=1e-5, rtol=0)
    assert host.counts == core.counts


def test_the_first_steps_of_an_edit_see_the_video_and_the_rest_its_first_frame():
    recorder, hybrid = Recorder(), Hybrid(SIGMAS, 0.2)
    euler(Denoiser(recorder, WINDOWS, ONE, hybrid), noise(), SIGMAS)
    variants = [{unit.variant for unit in recorder.units_at(sigma)} for sigma in SIGMAS[:-1]]
    assert variants == [{"video"}] * 4 + [{"first"}] * 16


@pytest.mark.parametrize("guidance", [ONE, EQUATION_3, COMES_BACK])
@pytest.mark.parametrize("fraction", [None, 0.35])
@pytest.mark.parametrize("cached", [False, True])
def test_the_forwards_that_are_planned_are_the_forwards_that_are_made(guidance, fraction, cached):
    hybrid = Hybrid(SIGMAS, fraction) if fraction else None
    cache = tea_cache(guidance, hybrid) if cached else None
    recorder = Recorder()
    denoiser = Denoiser(recorder, WINDOWS, guidance, hybrid, cache)
    planned = denoiser.planned_forwards()
    euler(denoiser, noise(), SIGMAS)
    steps = len(WINDOWS.windows) * sum(len(guidance.coefficients(float(sigma))) for sigma in SIGMAS[:-1])
    assert sum(len(units) for _, units in recorder.calls) == planned == denoiser.counts.computed.total()
    assert planned + denoiser.counts.reused.total() == steps
    assert (planned < steps) == cached


def test_a_part_of_a_run_plans_and_computes_its_own_forwards():
    part = SIGMAS[7:15]
    denoiser = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=tea_cache(sigmas=part), sigmas=part)
    euler(denoiser, noise(), part)
    assert denoiser.total == denoiser.counts.computed.total() > 0


def test_every_window_and_branch_follows_the_same_plan():
    recorder, cache = Recorder(), tea_cache(ONE)
    denoiser = Denoiser(recorder, WINDOWS, ONE, cache=cache)
    euler(denoiser, noise(), SIGMAS)
    computed = [len(recorder.units_at(sigma)) for sigma in SIGMAS[:-1]]
    assert computed == [len(WINDOWS.windows) * computes for computes in cache.plan.computed]
    assert len(set(denoiser.counts.computed.values())) == 1


def test_a_branch_that_comes_back_is_computed_and_so_are_the_others():
    recorder, cache = Recorder(), tea_cache(COMES_BACK, threshold=1e9)
    euler(Denoiser(recorder, WINDOWS, COMES_BACK, cache=cache), noise(), SIGMAS)
    windows = len(WINDOWS.windows)
    computed = {step: len(recorder.units_at(sigma)) for step, sigma in enumerate(SIGMAS[:-1])}
    assert {step: units for step, units in computed.items() if units} == {
        0: windows,
        6: 2 * windows,
        19: windows,
    }


def test_the_hybrid_switch_computes_again_though_nothing_else_asks_for_it():
    recorder, hybrid = Recorder(), Hybrid(SIGMAS, 0.5)
    plan = CachePlan.compute(SIGMAS, embedding, IDENTITY, 1e9, frozenset())
    euler(Denoiser(recorder, WINDOWS, ONE, hybrid, TeaCache(plan)), noise(), SIGMAS)
    computed = [step for step, sigma in enumerate(SIGMAS[:-1]) if recorder.units_at(sigma)]
    assert computed == [0, 10]


def test_what_is_held_is_one_float32_velocity_per_window_and_branch():
    denoiser = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=tea_cache())
    denoiser(noise(torch.float64), 1.0)
    assert {unit.branch for unit in denoiser.velocities} == {"full", "noaudio", "null"}
    assert len(denoiser.velocities) == 3 * len(WINDOWS.windows)
    assert {held.dtype for held in denoiser.velocities.values()} == {torch.float32}
    euler(denoiser, noise(), SIGMAS)
    assert {unit.branch for unit in denoiser.velocities} == {"full", "noaudio"}


def test_a_run_with_the_cache_resumed_with_its_velocities_is_bit_identical():
    states, held = [], []
    denoiser = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=tea_cache())

    def save(state):
        states.append(state)
        held.append(dict(denoiser.velocities))

    whole = dpmpp_2m(denoiser, noise(), SIGMAS, save=save)
    stop = next(step for step in range(1, 20) if not denoiser.cache.plan.computed[step])
    resumed = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=denoiser.cache)
    resumed.velocities = held[stop - 1]
    assert torch.equal(dpmpp_2m(resumed, states[stop - 1], SIGMAS), whole)


class Cancelled(Exception):
    pass


def test_a_cancelled_run_does_not_change_the_next_one():
    cache, left = tea_cache(), [30]

    def cancel_after_thirty():
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled

    expected = euler(Denoiser(evaluate, WINDOWS, EQUATION_3, cache=cache), noise(), SIGMAS)
    stopped = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=cache, check_cancel=cancel_after_thirty)
    with pytest.raises(Cancelled):
        euler(stopped, noise(), SIGMAS)
    assert stopped.counts.computed.total() == 30
    left[0] = 10**6
    stopped.reset()
    assert torch.equal(euler(stopped, noise(), SIGMAS), expected)
    assert torch.equal(euler(Denoiser(evaluate, WINDOWS, EQUATION_3, cache=cache), noise(), SIGMAS), expected)


def test_after_a_reset_a_run_may_begin_where_the_plan_would_reuse():
    sigma = float(SIGMAS[7])
    used = Denoiser(evaluate, WINDOWS, ONE, cache=tea_cache(ONE, threshold=1e9))
    used(noise(), 1.0)
    used.reset()
    fresh = Denoiser(evaluate, WINDOWS, ONE, cache=used.cache)
    assert torch.equal(used(0.5 * noise(), sigma), fresh(0.5 * noise(), sigma))
    assert used.counts == fresh.counts and used.counts.computed.total() == len(WINDOWS.windows)


def test_a_cancelled_step_can_be_taken_again():
    left = [10**6]

    def cancel():
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled

    cache, sigma = tea_cache(ONE), float(SIGMAS[19])
    denoiser = Denoiser(evaluate, WINDOWS, ONE, cache=cache, check_cancel=cancel)
    untouched = Denoiser(evaluate, WINDOWS, ONE, cache=cache)
    for run in (denoiser, untouched):
        run(noise(), 1.0)
    left[0] = 2
    with pytest.raises(Cancelled):
        denoiser(0.5 * noise(), sigma)
    left[0] = 10**6
    assert torch.equal(denoiser(0.5 * noise(), sigma), untouched(0.5 * noise(), sigma))


def test_velocities_of_two_steps_are_never_held_together():
    held = []

    def counting(units, x, sigma):
        held.append(len(denoiser.velocities))
        return evaluate(units, x, sigma)

    denoiser = Denoiser(counting, WINDOWS, ONE, cache=tea_cache(ONE))
    for sigma in SIGMAS[:-1]:
        denoiser(noise(), float(sigma))
    assert set(held) == {0}


def test_progress_counts_every_forward_up_to_the_planned_total():
    seen = []

    def report(done, total, label):
        seen.append((done, total, label))

    denoiser = Denoiser(evaluate, WINDOWS, EQUATION_3, cache=tea_cache(), progress=report)
    euler(denoiser, noise(), SIGMAS)
    assert [done for done, _, _ in seen] == list(range(1, denoiser.total + 1))
    assert {total for _, total, _ in seen} == {denoiser.total}
    assert seen[0][2] == "window 1 of 3 with text and voice"


@pytest.mark.parametrize("units_per_call", [1, 2, 100])
def test_an_executor_takes_several_units_at_once_with_the_same_numbers(units_per_call):
    recorder = Recorder()
    dealt = Denoiser(recorder, WINDOWS, EQUATION_3, units_per_call=units_per_call)
    assert torch.equal(dealt(noise(), 1.0), Denoiser(evaluate, WINDOWS, EQUATION_3)(noise(), 1.0))
    assert max(len(units) for _, units in recorder.calls) == min(units_per_call, 9)
    assert Counter(unit for _, units in recorder.calls for unit in units) == dealt.counts.computed


def test_a_prediction_that_is_not_finite_names_the_way_out():
    def broken(units, x, sigma):
        return [prediction * float("nan") for prediction in evaluate(units, x, sigma)]

    with pytest.raises(InputError, match=r"first prediction holds NaN .* weights .* float32"):
        Denoiser(broken, WINDOWS, ONE)(noise(), 1.0)


def test_a_later_prediction_that_is_not_finite_names_where_and_with_what_it_was_computed():
    def breaks(units, x, sigma):
        return [p if sigma > 0.9 else p / 0 for p in evaluate(units, x, sigma)]

    arithmetic = ComputeInfo("float16 with SageAttention", "Take bfloat16.")
    with pytest.raises(
        InputError, match=r"sigma 0.\d+ holds .* in float16 with SageAttention.* Take bfloat16"
    ):
        euler(Denoiser(breaks, WINDOWS, ONE, arithmetic=arithmetic), noise(), SIGMAS)


def test_a_run_that_goes_on_has_no_first_prediction():
    def broken(units, x, sigma):
        return [prediction * float("inf") for prediction in evaluate(units, x, sigma)]

    before, after = Denoiser(evaluate, WINDOWS, ONE), Denoiser(broken, WINDOWS, ONE)
    before(noise(), 1.0)
    after.go_on({}, before.counts)
    with pytest.raises(InputError, match="though earlier ones did not"):
        after(noise(), float(SIGMAS[1]))


def test_latents_that_a_solver_made_infinite_are_not_blamed_on_the_model():
    ComputeInfo().check_latents(noise())
    with pytest.raises(InputError, match="every prediction was finite"):
        ComputeInfo().check_latents(noise() / 0)


def heun(model, x, sigmas):
    for i in range(len(sigmas) - 1):
        here, after = float(sigmas[i]), float(sigmas[i + 1])
        d = (x - model(x, here)) / here
        if after == 0:
            return x + d * (after - here)
        ahead = x + d * (after - here)
        x = x + (d + (ahead - model(ahead, after)) / after) / 2 * (after - here)
    return x


def test_a_solver_that_evaluates_twice_follows_the_plan_both_times():
    recorder, cache = Recorder(), tea_cache(ONE)
    heun(Denoiser(recorder, WINDOWS, ONE, cache=cache), noise(), SIGMAS)
    computed = [len(recorder.units_at(sigma)) // len(WINDOWS.windows) for sigma in SIGMAS[:-1]]
    assert computed == [1, *(2 * computes for computes in cache.plan.computed[1:])]


def test_a_sigma_between_grid_points_is_computed_though_a_velocity_is_held():
    recorder = Recorder()
    denoiser = Denoiser(recorder, WINDOWS, ONE, cache=tea_cache(ONE, threshold=1e9))
    denoiser(noise(), 1.0)
    denoiser(noise(), float(SIGMAS[1]))
    between = float(SIGMAS[1] + SIGMAS[2]) / 2
    denoiser(noise(), between)
    assert not recorder.units_at(SIGMAS[1])
    assert len(recorder.units_at(between)) == len(WINDOWS.windows)


VARIANCES = torch.logspace(0, -1, 9, dtype=torch.float64).view(3, 3)  # of the data, per pixel


def gaussian_velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Exact velocity of the flow from noise to N(0, VARIANCES)."""
    a = 1 - sigma
    return (sigma - a * VARIANCES) / (a**2 * VARIANCES + sigma**2) * x


# what is held, from (x, v, sigma); and the velocity that it gives back at (x, sigma)
REUSES = {
    "v": (lambda x, v, sigma: v, lambda held, x, sigma: held),
    "x0": (lambda x, v, sigma: x - sigma * v, lambda held, x, sigma: (x - held) / sigma),
    "x0 - x": (lambda x, v, sigma: -sigma * v, lambda held, x, sigma: -held / sigma),
}


def run_with_reuse(solver, computed: tuple[bool, ...], kind: str) -> torch.Tensor:
    hold, give, held = *REUSES[kind], []

    def denoised(x, sigma):
        if computed[ONE.grid.index(sigma)]:
            held[:] = [hold(x, gaussian_velocity(x, sigma), sigma)]
        return x - sigma * give(held[0], x, sigma)

    return solver(denoised, noise(torch.float64), SIGMAS)


@pytest.mark.parametrize("name", ["euler", "dpmpp_2m"])  # those that follow the flow
def test_on_an_exact_flow_reusing_the_velocity_errs_less_than_reusing_x0_or_its_residual(name):
    plan = tea_cache(ONE).plan
    exact = run_with_reuse(SOLVERS[name], (True,) * 20, "v")
    errors = {
        kind: (run_with_reuse(SOLVERS[name], plan.computed, kind) - exact).abs().mean().item()
        for kind in REUSES
    }
    assert errors["v"] < 0.5 * errors["x0 - x"]
    # an Euler step lies on the line from x to x0, along which v is constant: there the two are one
    assert errors["v"] == pytest.approx(errors["x0"]) if name == "euler" else errors["v"] < errors["x0"]


def test_the_denoiser_reuses_the_velocity():
    def flow(units, x, sigma):
        return [gaussian_velocity(x[:, :, unit.window.frames], sigma) for unit in units]

    cache = tea_cache(ONE)
    cached = Denoiser(flow, WindowPlan.plan(11, 21, 5), ONE, cache=cache)
    expected = run_with_reuse(dpmpp_2m, cache.plan.computed, "v")
    # float32 of what is held
    torch.testing.assert_close(dpmpp_2m(cached, noise(torch.float64), SIGMAS), expected, atol=1e-6, rtol=0)
