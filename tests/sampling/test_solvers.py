from __future__ import annotations

import weakref

import pytest
import torch

from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import PART, SOLVERS, SolverState, dpmpp_2m, euler, fresh_noise


def denoise_mixture(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Exact x0 of a flow whose data is an even mixture of N(-1, 0.2^2) and N(1, 0.2^2), per element."""
    a = 1 - sigma
    variance = a**2 * 0.04 + sigma**2
    means = torch.tensor([-1.0, 1.0], dtype=x.dtype)
    away = x[..., None] - a * means
    share = torch.softmax(-(away**2) / (2 * variance), dim=-1)
    return (share * (means + a * 0.04 / variance * away)).sum(dim=-1)


def noise(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(1, 4, 5, 4, 4, dtype=dtype, generator=torch.Generator().manual_seed(3))


def k_diffusion_euler(model, x, sigmas):
    for i in range(len(sigmas) - 1):
        d = (x - model(x, float(sigmas[i]))) / sigmas[i]
        x = x + d * (sigmas[i + 1] - sigmas[i])
    return x


def k_diffusion_dpmpp_2m(model, x, sigmas):
    old = None
    t = sigmas.log().neg()
    for i in range(len(sigmas) - 1):
        denoised = model(x, float(sigmas[i]))
        h = t[i + 1] - t[i]
        if old is None or sigmas[i + 1] == 0:
            extrapolated = denoised
        else:
            r = (t[i] - t[i - 1]) / h
            extrapolated = (1 + 1 / (2 * r)) * denoised - (1 / (2 * r)) * old
        x = (t[i + 1].neg().exp() / t[i].neg().exp()) * x - (-h).expm1() * extrapolated
        old = denoised
    return x


def k_diffusion_lcm(model, x, sigmas):
    draw = fresh_noise(0, x)
    for i in range(len(sigmas) - 1):
        x = model(x, float(sigmas[i]))
        if sigmas[i + 1] > 0:
            x = sigmas[i + 1] * draw() + (1 - sigmas[i + 1]) * x
    return x


REFERENCES = {"euler": k_diffusion_euler, "dpmpp_2m": k_diffusion_dpmpp_2m, "lcm": k_diffusion_lcm}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("part", [slice(None), slice(0, 9), slice(8, None)])
def test_the_numbers_are_those_of_k_diffusion(name, part):
    sigmas = flow_sigmas(20, 5)[part]
    expected = REFERENCES[name](denoise_mixture, noise(torch.float64), sigmas)
    torch.testing.assert_close(
        SOLVERS[name](denoise_mixture, noise(torch.float64), sigmas), expected, atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("name", SOLVERS)
def test_latents_stay_in_their_dtype(name):
    assert SOLVERS[name](denoise_mixture, noise(), flow_sigmas(5, 5)).dtype == torch.float32


@pytest.mark.parametrize("solver, order", [(euler, 1), (dpmpp_2m, 2)])
def test_halving_the_steps_size_shrinks_the_error_by_the_solvers_order(solver, order):
    """From sigma 0.8 to 0.2: the multistep solver's second order shows where no step ends at 0."""
    sigmas = {steps: torch.linspace(0.8, 0.2, steps + 1, dtype=torch.float64) for steps in (20, 40, 2560)}
    exact = solver(denoise_mixture, noise(torch.float64), sigmas[2560])
    coarse, fine = (
        (solver(denoise_mixture, noise(torch.float64), sigmas[n]) - exact).norm() for n in (20, 40)
    )
    assert coarse / fine == pytest.approx(2**order, rel=0.25)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_run_resumed_from_its_saved_state_is_bit_identical(name, stop):
    sigmas, states = flow_sigmas(8, 5), []
    whole = SOLVERS[name](denoise_mixture, noise(), sigmas, save=states.append)
    state = states[stop - 1]
    assert state.step == stop
    assert torch.equal(SOLVERS[name](denoise_mixture, state, sigmas), whole)


def test_a_multistep_run_without_its_memory_is_another_run():
    sigmas, states = flow_sigmas(8, 5), []
    whole = dpmpp_2m(denoise_mixture, noise(), sigmas, save=states.append)
    forgetful = SolverState(4, states[3].x)
    assert not torch.equal(dpmpp_2m(denoise_mixture, forgetful, sigmas), whole)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_callback_sees_every_step_before_it_is_taken_and_can_stop_the_run(name):
    sigmas, seen = flow_sigmas(6, 5), []

    def watch(step, x, denoised):
        assert torch.equal(denoised, denoise_mixture(x, float(sigmas[step])))
        seen.append(step)
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SOLVERS[name](denoise_mixture, noise(), sigmas, callback=watch)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("solver", [euler, dpmpp_2m])
def test_long_latents_are_stepped_in_parts_to_the_same_numbers(solver):
    x = torch.randn(1, 2, 2 * PART + 3, 3, 5, generator=torch.Generator().manual_seed(0))

    def model(x, sigma):
        return x * sigma + 0.3

    def one_by_one(frames):
        return solver(model, frames, [1.0, 0.7, 0.2, 0.0])

    assert torch.equal(one_by_one(x), torch.cat([one_by_one(frame) for frame in x.split(1, dim=2)], dim=2))


def test_what_gives_the_start_is_asked_once_and_the_start_let_go():
    given, starts = [torch.ones(1, 1, 1, 2, 2)], []
    start = weakref.ref(given[0])

    def model(x, sigma):
        starts.append(start() is None)
        return x / 2

    euler(model, given.pop, [1.0, 0.5, 0.2, 0.0])
    assert starts == [False, True, True]
