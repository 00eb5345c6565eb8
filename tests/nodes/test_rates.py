"""The footage that a family edits at its own times, in its weights.toml, is what the timeline decides by."""

from __future__ import annotations

from skyreels_core.timeline import TRAINED_RATES
from tools.weights import read_weights


def test_every_family_states_the_frame_rates_that_the_timeline_goes_by():
    """One with a fixed clock, such as Wan2.2-S2V, edits no footage yet."""
    stated = {family.name: tuple(family.rates) for family in read_weights().families}
    moving = {rates for rates in stated.values() if rates[0] < rates[1]}
    assert moving == {(TRAINED_RATES.slowest, TRAINED_RATES.fastest)}
