"""From raw footage to a video: what the data pipeline keeps trains a model, which animates a portrait."""

from __future__ import annotations

import json
import shutil

import pytest
from funnel_clips import THRESHOLDS, face, write

from skyreels_core import assets
from skyreels_core.api.evaluation import ClipFiles
from skyreels_core.cli import main
from skyreels_core.model.bundle import random_bundle

pytest.importorskip("pyarrow", reason="pyarrow, of the extra `data`, is not installed")
PARTS = ("vae", "text_encoder", "whisper")


def test_footage_becomes_a_model_that_animates(tmp_path):
    (tmp_path / "footage").mkdir()
    write(tmp_path / "footage", "talk", *face())
    (tmp_path / "thresholds.yaml").write_text(THRESHOLDS)
    chosen, made = tmp_path / "chosen", tmp_path / "made.mp4"
    words = [
        "data",
        str(tmp_path / "footage"),
        "-o",
        str(chosen),
        "--thresholds",
        str(tmp_path / "thresholds.yaml"),
    ]
    assert main(words) == 0
    (tmp_path / "start").mkdir()
    random_bundle(tmp_path / "start", seed=0)
    recipe = {
        "dtype": "float32",
        "data": {
            "kind": "folder", "folder": "", "manifest": str(chosen / "clips.jsonl"), "frames": 9, "width": 32,
            "height": 32, "fps": 25,
        },
        "encoders": {part: str(tmp_path / "start" / f"{part}.safetensors") for part in PARTS},
        "transformer": {"backbone": str(tmp_path / "start" / "model.safetensors"), "seed": 0, "legs": [
            {"name": "joint", "train": "all", "editing": 0.5, "steps": 1, "batch": 1, "lr": 1e-4, "warmup": 1},
        ]},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    assert main(["train", "--config", str(tmp_path / "recipe.yaml"), "--output", str(tmp_path / "run")]) == 0
    for part in PARTS:
        shutil.copy(tmp_path / "start" / f"{part}.safetensors", tmp_path / "run" / "bundle")
    words = ["animate", "--model", str(tmp_path / "run" / "bundle"), "--image", str(assets.portrait())]
    words += [
        "--audio",
        str(tmp_path / "footage" / "talk.mp4"),
        "--steps",
        "1",
        "--width",
        "32",
        "--height",
        "32",
    ]
    assert main([*words, "-o", str(made)]) == 0
    assert len(ClipFiles(made).open().video) == 60
