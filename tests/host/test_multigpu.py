"""ComfyUI's MultiGPU CFG Split on models of all families: units go to every clone, the result is one device's."""

from __future__ import annotations

import json

import pytest
from family_list import CONTRACT

BATCHED = 1e-4  # of latents about 1, where the host computes two branches of one device as a batch


@pytest.fixture(scope="module")
def found(comfyui, run_in_host, tmp_path_factory):
    if not (comfyui[0] / "comfy" / "multigpu.py").is_file():
        pytest.skip("this ComfyUI knows one device only")
    folder = tmp_path_factory.mktemp("multigpu")
    run_in_host("multigpu_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", CONTRACT)
def test_units_on_two_devices_give_the_bits_of_one(found, family):
    """Which computes them one by one too; a batch of two branches rounds otherwise."""
    assert found["differ"][f"{family}, one by one"] == 0
    assert found["differ"][f"{family}, as it comes"] <= BATCHED


@pytest.mark.parametrize("family", CONTRACT)
def test_both_devices_have_as_much_to_do(found, family):
    """Five windows with three branches, two steps."""
    assert found["threads"][family] == [14, 16]


@pytest.mark.parametrize("family", CONTRACT)
def test_layers_with_weights_are_on_each_device(found, family):
    assert all(found["own_layers"][family])


@pytest.mark.parametrize("family", CONTRACT)
def test_a_run_resumes_on_another_number_of_devices(found, family):
    assert found["same_identity"][family]


def test_the_report_says_how_the_devices_are_used(found):
    assert any("30 forward passes on 2 devices" in line and "94%" in line for line in found["report"])


def test_a_run_is_interrupted_within_a_step_and_leaves_no_thread(found):
    assert found["interrupted_after"] <= 5 and found["threads_left"] == 0
