from __future__ import annotations

import numpy as np
import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.sampling.schedule import SigmaGrid, flow_sigmas


def host_simple_sigmas(steps: int, shift: float) -> torch.Tensor:
    """The host's `simple` scheduler over its table of 1000 shifted sigmas, written out in float32."""
    t = torch.arange(1, 1001) / 1000
    table = shift * t / (1 + (shift - 1) * t)
    picked = [float(table[-(1 + int(i * (len(table) / steps)))]) for i in range(steps)]
    return torch.tensor([*picked, 0.0])


@pytest.mark.parametrize("shift", [1, 5, 11.0])
@pytest.mark.parametrize("steps", [1, 3, 4, 7, 20, 30, 50, 333, 1000])
def test_sigmas_are_those_of_the_hosts_simple_scheduler(steps, shift):
    sigmas = flow_sigmas(steps, shift)
    assert sigmas.dtype == torch.float64
    torch.testing.assert_close(sigmas.float(), host_simple_sigmas(steps, shift), atol=1e-6, rtol=0)


def test_twenty_five_steps_are_an_even_line_shifted():
    t = torch.linspace(1, 0, 26, dtype=torch.float64)
    torch.testing.assert_close(flow_sigmas(25, 5), 5 * t / (1 + 4 * t))


@pytest.mark.parametrize("steps", [1, 2, 4, 40])
def test_to_the_end_is_what_the_multitalk_family_publishes(steps):
    """np.linspace(1000, 1, steps) and 0, shifted."""
    t = torch.tensor([*np.linspace(1000, 1, steps), 0.0]) / 1000
    torch.testing.assert_close(flow_sigmas(steps, 11, "to_the_end"), 11 * t / (1 + 10 * t))
    with pytest.raises(InputError, match="use one of even, to_the_end"):
        flow_sigmas(steps, 11, "karras")


@pytest.mark.parametrize("steps, shift", [(0, 5), (-1, 5), (20, 0), (20, -3), (20, float("nan"))])
def test_an_impossible_schedule_is_refused(steps, shift):
    with pytest.raises(InputError, match="give 1 to"):
        flow_sigmas(steps, shift)


def test_progress_is_even_over_the_steps_and_linear_between_them():
    sigmas = flow_sigmas(20, 5)
    grid = SigmaGrid(sigmas)
    assert [grid.progress(sigma) for sigma in sigmas.tolist()] == [i / 20 for i in range(21)]
    middle = float(sigmas[7] + sigmas[8]) / 2
    assert grid.index(middle) is None
    assert grid.progress(middle) == pytest.approx(7.5 / 20, abs=1e-12)
    assert grid.progress(1.2) == 0 and grid.progress(-0.1) == 1


def test_a_sigma_that_travelled_through_float32_is_still_on_the_grid():
    sigmas = flow_sigmas(50, 5)
    grid = SigmaGrid(sigmas)
    assert [grid.index(sigma) for sigma in sigmas.float().tolist()] == list(range(51))
    assert [grid.progress(sigma) for sigma in sigmas.float().tolist()] == [i / 50 for i in range(51)]


def test_a_sampler_that_overwrites_its_sigmas_does_not_move_the_grid():
    sigmas = flow_sigmas(10, 5)
    grid = SigmaGrid(sigmas)
    sigmas[-1] = 0.5
    assert grid.values[-1] == 0


@pytest.mark.parametrize("sigmas", [[1.0], [0.2, 0.6, 0.0]])
def test_sigmas_that_are_no_schedule_are_refused(sigmas):
    with pytest.raises(InputError, match="two or more that decrease"):
        SigmaGrid(sigmas)
