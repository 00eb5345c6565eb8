"""The host's dynamic VRAM, on by default on NVIDIA, builds networks without weights: everything loads there too."""

from __future__ import annotations

import json

import pytest
from family_list import FAMILIES

RELOADED = {name for name, entry in FAMILIES.items() if entry.reloads}


@pytest.fixture(scope="module")
def found(comfyui, run_in_host, tmp_path_factory):
    memory = comfyui[0] / "comfy" / "memory_management.py"
    if not (memory.is_file() and "aimdo_enabled" in memory.read_text(encoding="utf-8")):
        pytest.skip("this ComfyUI has no dynamic VRAM")
    folder = tmp_path_factory.mktemp("dynamic_vram")
    run_in_host("dynamic_vram_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


def test_every_weight_of_every_family_and_encoder_is_the_same(found):
    assert found["weights"].keys() > FAMILIES.keys()
    assert {name: differing for name, differing in found["weights"].items() if differing} == {}


def test_every_family_computes_the_same(found):
    assert found["differ"].keys() == FAMILIES.keys() | {"text"}
    assert set(found["differ"].values()) == {0.0}


def test_a_run_is_recognised_whether_its_model_is_loaded_or_not(found):
    assert found["identity"] == dict.fromkeys(FAMILIES, True)


def test_the_host_can_load_a_model_again_without_dynamic_vram(found):
    """As its TorchCompileModel does."""
    assert found["reloaded"].keys() == RELOADED and not any(found["reloaded"].values())
