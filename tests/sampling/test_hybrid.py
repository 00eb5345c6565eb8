from __future__ import annotations

import pytest

from skyreels_core.errors import InputError
from skyreels_core.sampling.hybrid import Hybrid
from skyreels_core.sampling.schedule import flow_sigmas


@pytest.mark.parametrize(
    "steps, fraction, switch", [(50, 0.2, 10), (30, 0.2, 6), (4, 0.2, 1), (10, 0, 0), (10, 1, 10)]
)
def test_the_first_steps_see_the_video_and_the_rest_its_first_frame(steps, fraction, switch):
    sigmas = flow_sigmas(steps, 5)
    hybrid = Hybrid(sigmas, fraction)
    variants = [hybrid.variant(float(sigma)) for sigma in sigmas[:-1].float()]
    assert variants == ["video"] * switch + ["first"] * (steps - switch)
    assert hybrid.switch == switch


def test_the_switch_keeps_its_place_in_a_part_of_the_run_and_between_grid_points():
    sigmas = flow_sigmas(20, 5)
    hybrid = Hybrid(sigmas, 0.25)
    assert [hybrid.variant(float(sigma)) for sigma in sigmas[3:7]] == ["video", "video", "first", "first"]
    assert hybrid.variant(float(sigmas[4] + sigmas[5]) / 2) == "video"


@pytest.mark.parametrize("fraction", [-0.1, 1.5, float("nan")])
def test_a_fraction_outside_the_run_is_refused(fraction):
    with pytest.raises(InputError, match=r"0\.\.1"):
        Hybrid(flow_sigmas(4, 5), fraction)
