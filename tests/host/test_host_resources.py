"""In the host, too, a run that has not the room is refused before anything is encoded."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resources")
    run_in_host("resources_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "lacking, needle, remedy",
    [
        ("memory", "of memory, most of it for", "make the picture smaller"),
        ("disk", "of disk space at", "or switch keep_state off."),
    ],
)
def test_too_little_is_refused_before_windows_are_encoded(found, lacking, needle, remedy):
    said = found[lacking]["said"]
    assert said.startswith("This run needs about ") and needle in said
    assert remedy in said.lower() and "--" not in said
    assert found[lacking]["encoded"] == 0


def test_what_will_do_is_not_refused(found):
    assert found["enough"] is None and found["disk without state"] is None


def test_the_report_says_what_the_run_needs(found):
    plan, work = found["not kept"][:2]
    assert "windows" in plan
    assert "forward passes; about" in work and work.endswith("GB of memory.")
    assert found["kept"][1].endswith("GB on disk.")
