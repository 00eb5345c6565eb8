"""The solver of networks distilled to a few steps, as SoulX-FlashTalk is published to be sampled."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from test_solvers import denoise_mixture, noise

from skyreels_core.sampling.schedule import flow_sigmas
from skyreels_core.sampling.solvers import LARGEST_SEED, fresh_noise, lcm

SEED = 7


def velocity(x: torch.Tensor, timestep: float) -> torch.Tensor:
    sigma = timestep / 1000
    return (x - denoise_mixture(x, sigma)) / sigma


def published(x: torch.Tensor, timesteps: list[float], shift: float) -> torch.Tensor:
    """FlashTalk's loop in its own numbers: timesteps up to 1000, a velocity, and noise drawn after each step."""
    draw = fresh_noise(SEED, x)
    moved = [1000 * shift * (t / 1000) / (1 + (shift - 1) * (t / 1000)) for t in [*timesteps, 0.0]]
    for now, after in pairwise(moved):
        clean = x - velocity(x, now) * (now / 1000)
        x = (1 - after / 1000) * clean
        if after:
            x = x + after / 1000 * draw()
    return x


@pytest.mark.parametrize("timesteps", [[1000, 750, 500, 250], [1000, 500]])
def test_the_numbers_are_those_of_the_published_loop(timesteps):
    ours = lcm(denoise_mixture, noise(), flow_sigmas(len(timesteps), 5.0), seed=SEED)
    assert (ours - published(noise(), timesteps, 5.0)).abs().max() <= 1e-6


def test_the_schedule_is_the_published_one():
    assert [round(1000 * float(sigma), 2) for sigma in flow_sigmas(4, 5.0)] == [1000, 937.5, 833.33, 625, 0]


def test_a_seed_gives_its_video_and_another_one_gives_another():
    first, again, other = (lcm(denoise_mixture, noise(), flow_sigmas(4, 5.0), seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_noise_of_a_step_is_not_that_of_the_start():
    start = torch.randn(2, 3, generator=torch.Generator().manual_seed(SEED))
    assert not torch.equal(fresh_noise(SEED, start)(), start)


def test_every_seed_can_be_used():
    assert lcm(denoise_mixture, noise(), flow_sigmas(2, 5.0), seed=LARGEST_SEED).isfinite().all()


def test_the_last_step_adds_no_noise():
    one, other = (lcm(denoise_mixture, noise(), flow_sigmas(1, 5.0), seed=seed) for seed in (1, 2))
    assert torch.equal(one, other)
