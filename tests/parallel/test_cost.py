"""The cost model reckons what it says: whole units, remainders, bytes."""

from __future__ import annotations

import pytest

from skyreels_core.parallel.cost import ASSUMED, WAN_14B, estimate, group_seconds, traffic

WINDOWS, FORWARD = 235, 3.33  # ten minutes; seconds


@pytest.mark.parametrize("branches", [1, 2, 3])
@pytest.mark.parametrize("devices", [8, 64])
def test_splitting_the_remainder_uses_95_percent_of_8_and_64_devices(branches, devices):
    whole = estimate(WINDOWS * branches, devices, 1, FORWARD, ASSUMED)
    split = estimate(WINDOWS * branches, devices, 8, FORWARD, ASSUMED)
    assert split.efficiency >= 0.95
    assert whole.efficiency <= split.efficiency or devices == 8
    if devices == 64:
        assert whole.efficiency == pytest.approx(0.92, abs=0.01)


def test_sequence_parallelism_sends_gigabytes_where_a_unit_sends_megabytes():
    """spec: 6 to 46 GB for each forward of 14B, against one latent."""
    assert traffic(WAN_14B, 1) == 0
    assert 20e9 < traffic(WAN_14B, 2) < 30e9 and 40e9 < traffic(WAN_14B, 8) < 50e9
    assert traffic(WAN_14B, 2, ring=2) == pytest.approx(traffic(WAN_14B, 2), rel=0.01)
    assert traffic(WAN_14B, 8, ring=8) > traffic(WAN_14B, 8)
    assert 4 * WAN_14B.tokens * WAN_14B.out < 9e6


def test_a_slow_link_makes_splitting_worthless():
    slow = type(ASSUMED)(1e9, 1e9)
    assert group_seconds(2, FORWARD, slow) > FORWARD
    assert group_seconds(2, FORWARD, ASSUMED) < 0.6 * FORWARD
