"""The MultiTalk family in a real ComfyUI."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FIXTURE = Path(os.environ.get("SKYREELS_V3_FIXTURE", Path(__file__).parents[1] / "data" / "v3"))
HOW_TO_RUN = (
    "set SKYREELS_V3_FIXTURE to the folder with a2v_tiny.safetensors, a2v_tiny_io.safetensors and a2v_tiny.json "
    "(a small random SkyReels-V3 A2V network and what the published code computes with it; 37 MB, so not in the "
    "repository)"
)
TOLERANCE = 1e-4  # float32 in another order of operations; outputs reach 5


@pytest.mark.skipif(not (FIXTURE / "a2v_tiny.safetensors").is_file(), reason=HOW_TO_RUN)
def test_a_split_v3_file_computes_what_the_published_network_does(run_in_host, tmp_path):
    run_in_host("v3_in_host.py", FIXTURE, tmp_path / "result.json")
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["windows_differ"] == 0
    assert set(found["differ"]) == {"c17_audio", "c17_zero_audio", "c81_null_text"}
    for case, difference in found["differ"].items():
        assert found["largest"][case] > 1
        assert difference <= TOLERANCE, case
