"""In a real host, a run is told from another by what its inputs hold, not by what they are called."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    run_in_host("identity_in_host.py", folder, "first.json")
    run_in_host("identity_in_host.py", folder, "second.json")
    return [json.loads((folder / name).read_text()) for name in ("first.json", "second.json")]


def test_what_lies_in_an_object_is_looked_at(found):
    assert [what for what, (one, other) in found[0]["changed"].items() if one == other] == []


def test_the_same_content_has_the_same_name_in_another_object_and_after_a_restart(found):
    first, second = found
    names = {what: one for what, (one, _) in first["changed"].items()}
    assert first["again"] == names == second["again"]


def test_what_cannot_be_read_is_never_taken_for_what_was_there_before(found):
    pairs = [*found[0]["unreadable"].values(), found[0]["one unreadable"]]
    assert all(one != other for one, other in pairs)


def test_a_lock_holds_nothing(found):
    one, other = found[0]["a lock beside it"]
    assert one == other


def test_tensors_of_other_types_and_shapes_with_the_same_bytes_differ(found):
    assert len(set(found[0]["types"])) == 3


def test_runs_of_older_versions_keep_their_names(found):
    now, before = found[0]["kept names"]
    assert now == before


def test_a_sampler_of_another_pack_is_told_by_what_it_closes_over(found):
    one, same, other, option = found[0]["samplers"]
    assert one == same and len({one, other, option}) == 3


def test_quantised_weights_are_told_by_what_they_are_made_of(found):
    one, same, other = found[0]["quantised"]
    assert one == same != other


@pytest.mark.parametrize("run", ["an animation", "an edit"])
def test_another_picture_behind_clip_vision_is_another_run(found, run):
    if run in found[0]["runs"]:
        assert found[0]["runs"][run] == {"same": True, "other": False}


def test_a_model_that_holds_itself_is_told_by_its_weights(found):
    one, clone, other = found[0]["models"]
    assert one == clone != other
