"""What training advises can be followed: every field that a sentence names is one of a recipe."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from skyreels_core.demo.recipe import EVERY_SECTION
from skyreels_core.demo.voices import Voice, speak
from skyreels_core.errors import InputError
from skyreels_core.training.clips import FolderClips
from skyreels_core.training.recipe import Recipe, read_recipe

RECIPE = """
data: {kind: folder, folder: clips, frames: 9, width: 96, height: 96, fps: 25}
encoders: {whisper: whisper.safetensors, vae: vae.safetensors, text_encoder: text_encoder.safetensors}
transformer: {backbone: demo, seed: 0, legs: []}
"""


def advice(monkeypatch) -> str:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError) as refused:
        speak("a sentence.", Voice("en-us", 140, 50))
    return str(refused.value)


def test_without_espeak_every_field_that_is_advised_exists(monkeypatch):
    named = set(re.findall(r"`(\w+)`", advice(monkeypatch)))
    known = {field.name for kind in (Recipe, FolderClips) for field in fields(kind)}
    known |= {"whisper", *EVERY_SECTION.networks}
    assert named == {"data", "folder", "encoders", "whisper", "speech"} and named <= known


def test_the_recipe_that_is_advised_instead_can_be_read(monkeypatch, tmp_path):
    assert "`kind: folder`" in advice(monkeypatch)
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    recipe = read_recipe(path, EVERY_SECTION)
    assert isinstance(recipe.data, FolderClips) and recipe.networks == ()
