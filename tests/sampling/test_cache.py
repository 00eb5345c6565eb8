from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.sampling.cache import (
    COEFFICIENTS,
    IDENTITY,
    RETENTION,
    CachePlan,
    CacheSettings,
    TeaCache,
    calibrate,
    coefficients_for,
    forced_steps,
    relative_changes,
)
from skyreels_core.sampling.guidance import EQ3, Constant, Guidance, Interval
from skyreels_core.sampling.hybrid import Hybrid
from skyreels_core.sampling.schedule import flow_sigmas

SIGMAS = flow_sigmas(50, 5)


def embedding(timestep: float) -> torch.Tensor:
    """A timestep embedding whose change from step to step is a few percent, as a trained one's is."""
    return torch.cos(timestep / 1000 * torch.linspace(0, 4, 64, dtype=torch.float64))


def guidance(text=None, audio=None) -> Guidance:
    return Guidance(text or Constant(5), audio or Constant(4.5), EQ3, SIGMAS)


@pytest.mark.parametrize("threshold", [0.1, 0.3])
@pytest.mark.parametrize("coefficients", [IDENTITY, COEFFICIENTS["t2v-1.3b"]["embedding"]])
def test_the_plan_is_the_published_accumulation(threshold, coefficients):
    forced = forced_steps(SIGMAS, guidance())
    expected, accumulated, before = [], 0.0, None
    for step, sigma in enumerate(SIGMAS[:-1]):
        m = embedding(1000 * float(sigma))
        if before is not None:
            accumulated += np.polyval(coefficients, ((m - before).abs().mean() / before.abs().mean()).item())
        before = m
        expected.append(step in (0, 49) or accumulated >= threshold)
        if expected[-1]:
            accumulated = 0.0
    plan = CachePlan.compute(SIGMAS, embedding, coefficients, threshold, forced)
    assert list(plan.computed) == expected
    assert 2 < sum(plan.computed) < 50


def test_a_larger_threshold_computes_fewer_steps():
    forced = forced_steps(SIGMAS, guidance())
    computed = [
        sum(CachePlan.compute(SIGMAS, embedding, IDENTITY, threshold, forced).computed)
        for threshold in (1e-9, 0.05, 0.2, 1e9)
    ]
    assert computed == sorted(computed, reverse=True)
    assert computed[0] == 50 and computed[-1] == len(forced) == 2


def test_every_step_is_asked_for_its_embedding_once():
    asked = []

    def counting(timestep):
        asked.append(timestep)
        return embedding(timestep)

    plan = CachePlan.compute(SIGMAS, counting, IDENTITY, 0.2, frozenset())
    for sigma in SIGMAS:
        plan.is_computed(float(sigma))
    assert asked == pytest.approx([1000 * float(sigma) for sigma in SIGMAS[:-1]])


def test_forced_steps_are_computed_and_start_the_sum_again():
    free = CachePlan.compute(SIGMAS, embedding, IDENTITY, 0.5, frozenset())
    between = next(step for step in range(1, 49) if not free.computed[step])
    forced = CachePlan.compute(SIGMAS, embedding, IDENTITY, 0.5, {between})
    late = CachePlan.compute(SIGMAS[between:], embedding, IDENTITY, 0.5, frozenset())
    assert forced.computed[between:] == late.computed


def test_first_and_last_step_are_forced_and_the_projection_keeps_five():
    assert forced_steps(SIGMAS, guidance()) == {0, 49}
    assert forced_steps(SIGMAS, guidance(), retention=RETENTION["projection"]) == {0, 1, 2, 3, 4, 49}


def test_the_hybrid_switch_is_forced():
    assert forced_steps(SIGMAS, guidance(), Hybrid(SIGMAS, 0.2)) == {0, 10, 49}


def test_a_branch_that_comes_back_is_forced_and_one_that_leaves_is_not():
    both = guidance(text=Constant(1), audio=Interval(4.5, 0.3, 0.7))
    assert forced_steps(SIGMAS, both) == {0, 15, 49}


def test_a_part_of_a_run_has_its_own_first_and_last_step():
    assert forced_steps(SIGMAS[5:20], guidance(), Hybrid(SIGMAS, 0.2)) == {0, 5, 13}


def test_a_sigma_between_grid_points_is_always_computed():
    plan = CachePlan.compute(SIGMAS, embedding, IDENTITY, 1e9, frozenset({0}))
    assert plan.is_computed(1.0) and not plan.is_computed(float(SIGMAS[7].float()))
    assert plan.is_computed(float(SIGMAS[7] + SIGMAS[8]) / 2)
    assert plan.is_computed(float(SIGMAS[-1]))


def test_a_threshold_that_lets_nothing_through_is_refused():
    with pytest.raises(InputError, match="above 0"):
        CachePlan.compute(SIGMAS, embedding, IDENTITY, 0, frozenset())


def test_every_published_row_is_a_polynomial_of_degree_four():
    rows = [row for variants in COEFFICIENTS.values() for row in variants.values()]
    assert len(rows) == 8 and {len(row) for row in rows} == {5}
    assert coefficients_for("i2v-14b-480p", "projection") == rows[5]


def test_an_unknown_backbone_falls_back_to_the_identity_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        assert coefficients_for("demo") == IDENTITY
    assert "'demo'" in caplog.text
    assert np.polyval(IDENTITY, 0.37) == 0.37


def test_calibration_recovers_how_outputs_follow_embeddings():
    """Outputs that move by 3 d^2 + 0.5 d where embeddings move by d."""
    moves = torch.linspace(0.02, 0.3, 30, dtype=torch.float64)

    def grow(changes):
        return (1 + torch.cat([torch.zeros(1), changes])).cumprod(dim=0)[:, None] * torch.ones(4)

    embeddings, outputs = grow(moves), grow(3 * moves**2 + 0.5 * moves)
    fitted = calibrate(list(embeddings), list(outputs))
    np.testing.assert_allclose(fitted, (0, 0, 3, 0.5, 0), atol=1e-6)
    np.testing.assert_allclose(relative_changes(list(embeddings)), moves)


def test_a_recorded_run_that_is_too_short_to_fit_is_refused():
    few = [torch.ones(4)] * 5
    with pytest.raises(InputError, match="6 or more"):
        calibrate(few, few)


@pytest.mark.parametrize("on_cpu", [False, True])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_velocity_is_held_in_float32_and_apart_from_the_models_buffer(on_cpu, dtype):
    cache = TeaCache(CachePlan.compute(SIGMAS, embedding, IDENTITY, 0.2, frozenset()), on_cpu)
    velocity = torch.ones(1, 2, 3, 4, 4, dtype=dtype)
    held = cache.hold(velocity)
    velocity.zero_()
    assert held.dtype == torch.float32 and held.device.type == "cpu"
    assert held.eq(1).all()


def test_memory_is_a_number_of_velocities():
    asked = CacheSettings(0.2, memory=1.0)
    assert asked.limit(latent_frames=21, size=(832, 480)) == 2**30 // (4 * 16 * 21 * 104 * 60) == 128


@pytest.mark.parametrize("threshold, memory", [(-0.1, 1.0), (math.nan, 1.0), (0.2, 0.0), (0.2, math.inf)])
def test_cache_settings_that_make_no_sense_are_refused(threshold, memory):
    with pytest.raises(InputError, match="GiB of memory; give"):
        CacheSettings(threshold, memory)
