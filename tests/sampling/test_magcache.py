"""MagCache: which steps are reused, and why."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.sampling.guidance import EQ3, Constant, Guidance
from skyreels_core.sampling.magcache import (
    LARGE,
    LEVELS,
    PUBLISHED,
    SMALL,
    Limits,
    MagnitudeCurve,
    first_steps,
    limits_for,
    magcache_plan,
    magnitude_ratio,
    published_curve,
)
from skyreels_core.sampling.schedule import flow_sigmas

STEPS = 50
SIGMAS = flow_sigmas(STEPS, 5).tolist()


def always_computed(sigmas=SIGMAS) -> frozenset[int]:
    return first_steps(Guidance(Constant(5), Constant(4.5), EQ3, SIGMAS), sigmas)


@pytest.mark.parametrize("name", ["t2v-14b", "t2v-1.3b"])
@pytest.mark.parametrize("limits", [LARGE, SMALL, Limits(0.06, 2)])
def test_the_plan_is_the_published_rule(name, limits):
    ratios = [1.0, *PUBLISHED[name][1]]
    expected, product, error, reused = [], 1.0, 0.0, 0
    for step in range(STEPS):
        expected.append(True)
        if step >= int(0.2 * STEPS):
            product, reused = product * ratios[step], reused + 1
            error += abs(1 - product)
            expected[-1] = not (error < limits.threshold and reused <= limits.in_a_row)
        if expected[-1]:
            product, error, reused = 1.0, 0.0, 0
    expected[-1] = True  # the last step, which decides the picture, is always computed here
    plan = magcache_plan(SIGMAS, published_curve(name), limits, always_computed() | {STEPS - 1})
    assert list(plan.computed) == expected
    assert "MagCache computes" in str(plan)


def test_a_curve_holds_at_other_steps_of_the_same_noise_levels():
    curve = published_curve("i2v-14b-480p")
    halves = curve.ratio(0.9, 0.7) * curve.ratio(0.7, 0.5)
    assert halves == pytest.approx(curve.ratio(0.9, 0.5), abs=1e-12)
    few, many = (flow_sigmas(steps, 3).tolist() for steps in (20, 40))
    shares = []
    for sigmas in (few, many):
        forced = {*range(len(sigmas) // 5), len(sigmas) - 2}
        plan = magcache_plan(sigmas, curve, Limits(0.12, 100), forced)
        shares.append(sum(plan.computed))
    assert shares[0] < shares[1] < 40


def test_the_first_fifth_of_the_whole_schedule_is_computed_in_a_part_of_it_too():
    assert always_computed() == frozenset(range(10))
    assert always_computed(SIGMAS[5:]) == frozenset(range(5))
    assert always_computed(SIGMAS[20:]) == frozenset()


def test_levels_give_back_the_curve_that_they_were_taken_of():
    curve = MagnitudeCurve.of_ratios([0.95] * 24, flow_sigmas(25, 1).tolist())
    again = MagnitudeCurve.of_levels(curve.at_levels())
    for before, after in ((1.0, 0.5), (0.8, 0.3), (0.6, 0.1)):
        assert again.ratio(before, after) == pytest.approx(curve.ratio(before, after), rel=1e-3)


@pytest.mark.parametrize("wrong", [[1.0] * 5, [1.0] * 32 + [0.0], [1.0] * 32 + [float("nan")], []])
def test_magnitudes_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match="Calibrate the model again"):
        MagnitudeCurve.of_levels(wrong)


def test_a_ratio_is_the_mean_over_positions_of_norms_over_channels():
    generator = torch.Generator().manual_seed(0)
    before = torch.randn(1, 16, 2, 3, 3, generator=generator)
    scales = torch.rand(1, 1, 2, 3, 3, generator=generator) + 0.5
    assert magnitude_ratio(before, before * scales) == pytest.approx(float(scales.mean()), rel=1e-5)


def test_published_limits_follow_the_width():
    assert limits_for(5120) == (0.24, 6)
    assert limits_for(1536) == (0.12, 4)
    assert all(np.prod(ratios) < 1 for _, ratios in PUBLISHED.values())
    assert LEVELS[0] == 1 and LEVELS[-1] == 0
