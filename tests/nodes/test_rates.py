"""The footage that a family edits at its own times, in its weights.toml, is what the timeline decides by."""

from __future__ import annotations

from skyreels_core.timeline import TRAINED_RATES
from tools.weights import read_weights


def test_every_family_states_the_frame_rates_that_the_timeline_goes_by():
    stated = {family.name: tuple(family.rates) for family in read_weights().families}
    assert set(stated.values()) == {(TRAINED_RATES.slowest, TRAINED_RATES.fastest)}
