"""Latents on the disk are the ones that were put there, and nothing stays behind."""

from __future__ import annotations

import os

import pytest
import torch

from skyreels_core.run.spilled import SpilledLatents

LATENTS = torch.randn(1, 16, 11, 3, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("part", [slice(0, 11), slice(0, 1), slice(4, 9), slice(9, 20), slice(None)])
def test_frames_come_back_bit_for_bit(tmp_path, part):
    assert torch.equal(SpilledLatents(LATENTS, tmp_path)[:, :, part], LATENTS[:, :, part])


def test_they_split_as_a_tensor_does(tmp_path):
    spilled = SpilledLatents(LATENTS, tmp_path)
    assert spilled.shape == LATENTS.shape
    for mine, own in zip(spilled.split(4, 2), LATENTS.split(4, 2), strict=True):
        assert torch.equal(mine, own)


def test_nothing_is_left_in_the_folder(tmp_path):
    spilled = SpilledLatents(LATENTS, tmp_path)
    del spilled
    assert os.listdir(tmp_path) == []


def test_a_decoder_gives_the_same_frames_of_them(bundle, tmp_path):
    spilled = SpilledLatents(LATENTS, tmp_path)
    for mine, own in zip(bundle.vae.decode_stream(spilled), bundle.vae.decode_stream(LATENTS), strict=True):
        assert torch.equal(mine, own)
