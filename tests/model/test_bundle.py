import shutil

import pytest
import torch
from safetensors.torch import load_file

from skyreels_core.errors import InputError
from skyreels_core.model.bundle import (
    DEMO_SAMPLING,
    MODEL,
    TEXT_ENCODER,
    VAE,
    WHISPER,
    load_bundle,
    random_bundle,
)


def test_a_random_bundle_has_parts_that_fit_each_other(bundle):
    assert bundle.text_encoder.width == bundle.model.config.text_dim
    assert bundle.whisper.width == bundle.adapter.config.width
    assert bundle.model.config.takes_picture
    assert bundle.clip_vision is None
    assert bundle.metadata["sampling"] == DEMO_SAMPLING


def test_no_weight_of_a_random_bundle_is_all_zero_or_all_one(bundle_folder):
    for name in (MODEL, VAE, WHISPER):
        for key, value in load_file(bundle_folder / name).items():
            assert value.float().std() > 0.01 or "embed_positions" in key, key


def test_a_seed_gives_the_same_weights(bundle_folder, tmp_path):
    random_bundle(tmp_path, seed=0)
    for name in (MODEL, VAE, TEXT_ENCODER, WHISPER):
        stored = load_file(bundle_folder / name)
        for key, value in load_file(tmp_path / name).items():
            assert torch.equal(stored[key], value), key


def test_the_voice_reaches_the_picture(bundle):
    tokens = torch.randn(1, 60, bundle.whisper.width)
    voice = bundle.adapter.prepare(tokens, torch.arange(60.0), torch.tensor([1.0, 6.0]))
    call = (torch.randn(1, 36, 2, 4, 4), torch.tensor([500.0]), bundle.text_encoder.encode([""]))
    with torch.no_grad():
        silent = bundle.model(*call)
        spoken = bundle.model(*call, audio_layers=lambda i, x: bundle.adapter.apply(i, x, voice))
    assert (spoken - silent).abs().max() > 0.01


def test_a_folder_without_a_part_is_refused_by_that_part(bundle_folder, tmp_path):
    shutil.copy(bundle_folder / MODEL, tmp_path)
    with pytest.raises(InputError, match=r"lacks vae\.safetensors, text_encoder\.safetensors, whisper"):
        load_bundle(tmp_path)
