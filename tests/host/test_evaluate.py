"""Evaluate Talking Video in ComfyUI: what can run is measured, what cannot is named."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def found(run_in_host, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    run_in_host("evaluate_in_host.py", folder)
    return json.loads((folder / "found.json").read_text(encoding="utf-8"))


def test_what_needs_no_weights_is_measured(found):
    for figure in ("lips_r", "likeness", "colour_drift", "outside_psnr", "sharpness", "flicker"):
        assert f"| {figure} |" in found["report"]
    assert "| outside_psnr | dB | higher | 120 |" in found["report"]
    assert found["plot"][0] == 1 and found["plot"][3] == 3 and found["plot"][1] > 500


def test_what_lacks_its_weights_is_named_with_file_and_folder(found):
    for file in ("syncnet_v2.model", "arcface.onnx", "inception-2015-12-05.pt", "i3d_torchscript.pt"):
        line = next(line for line in found["report"].splitlines() if file in line)
        assert "is left out" in line and "models/evaluation" in line.replace("\\", "/")


def test_metrics_are_chosen_by_name_and_another_name_is_refused(found):
    assert "| flicker |" in found["alone"] and "sharpness" not in found["alone"]
    assert found["refused"].startswith("There is no metric nothing. Choose from lips")


def test_the_voice_is_as_long_as_the_part_that_is_measured(found):
    assert found["whole"] == pytest.approx(2.0, abs=0.05)
    assert found["trimmed"] is None or found["trimmed"] == pytest.approx(1.0, abs=0.05)
