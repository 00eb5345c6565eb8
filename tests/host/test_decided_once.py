"""In the host, too, a run checks its options and plans its windows once."""

from __future__ import annotations

import json


def test_a_run_of_the_sampler_decides_everything_once(run_in_host, tmp_path):
    run_in_host("once_in_host.py", tmp_path)
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    found.pop("windows of 1")  # of the check
    assert found == {"options": 1, "plans": 1, "windows of 4": 1}
