"""Which worker computes what, and how much of the workers' time that leaves unused."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest

from skyreels_core.parallel.dealing import Deal, efficiency


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8, 64])
@pytest.mark.parametrize("units", [0, 1, 5, 12, 235, 705])
def test_no_worker_gets_more_than_one_unit_more_than_another(units, workers):
    groups = Deal(units, workers).groups
    assert len(groups) == units and all(len(group) == 1 for group in groups)
    counts = Counter(group[0] for group in groups)
    assert max(counts.values(), default=0) == ceil(units / workers)
    assert max(counts.values(), default=0) - min(counts.values(), default=0) <= 1


@pytest.mark.parametrize("units, workers", [(1, 2), (3, 8), (43, 64), (11, 8), (235, 64), (7, 3)])
def test_groups_take_the_rest_and_no_worker_is_in_two_groups_at_a_time(units, workers):
    deal = Deal(units, workers, largest_group=8)
    assert sum(each.units for each in deal.rounds) == units == len(deal.groups)
    assert all(each.units * each.group <= workers for each in deal.rounds)
    assert deal.seconds < Deal(units, workers).seconds or units % workers == 0 or workers == 3
    place = 0
    for each in deal.rounds:
        taken = [worker for group in deal.groups[place : place + each.units] for worker in group]
        assert len(set(taken)) == len(taken) and max(taken) < workers
        place += each.units


def test_one_unit_on_two_devices_is_split_only_where_that_is_asked_for():
    assert Deal(1, 2).seconds == 1
    assert Deal(1, 2, largest_group=2).groups == (range(2),)


def test_the_efficiency_of_a_run_counts_each_step_with_its_remainder():
    """Five windows with two branches, one step of which is reused, on four devices: 3 rounds for 10 units."""
    run = efficiency([10, 10, 0, 10], 4)
    assert run.seconds == 9 and run.share == 30 / 36
    assert "in 3 of 3 rounds some of them wait" in str(run) and "83%" in str(run)
    assert efficiency([8, 4], 4).share == 1


def test_whole_units_alone_are_092_of_64_devices_for_ten_minutes():
    for branches in (1, 2, 3):
        assert efficiency([235 * branches], 64).share == pytest.approx(0.918, abs=1e-3)
