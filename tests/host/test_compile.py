"""ComfyUI's TorchCompileModel on models with audio layers, and on plain ones in the same process."""

from __future__ import annotations

import json
import shutil

import pytest
from family_list import COMPILED

TOLERANCE = 1e-3  # float32 in other kernels


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    if not any(map(shutil.which, ("g++", "clang++", "cl"))):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none")
    folder = tmp_path_factory.mktemp("compile")
    run_in_host("compile_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", COMPILED)
def test_a_compiled_model_computes_what_it_does_otherwise(found, family):
    """With one branch and three, the node before the audio layers and behind, one window and five."""
    differ = {name: value for name, value in found["differ"].items() if name.startswith(family)}
    assert len(differ) == (5 if COMPILED[family].layers_apart else 3)
    assert {name: value for name, value in differ.items() if value > TOLERANCE} == {}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_plain_model_in_the_same_process_is_itself(found, when):
    assert found["differ"][f"plain, {when}"] <= TOLERANCE


@pytest.mark.parametrize("family", COMPILED)
def test_more_windows_compile_nothing_more(found, family):
    graphs = [count for name, count in found["graphs"].items() if name.startswith(family)]
    assert graphs[-1] == graphs[-2]
