"""A grown VAE starts where the narrow one is."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLWan

from skyreels_core.demo.whole_sequence import decode_whole, encode_whole
from skyreels_core.demo.widening import widen


@pytest.fixture(scope="module")
def pair() -> tuple[AutoencoderKLWan, AutoencoderKLWan]:
    torch.manual_seed(0)
    narrow, wide = AutoencoderKLWan(base_dim=4), AutoencoderKLWan(base_dim=6)
    widen(narrow, wide)
    return narrow, wide


def test_a_grown_vae_encodes_and_decodes_as_the_narrow_one(pair):
    narrow, wide = pair
    video = torch.randn(1, 3, 9, 32, 48)
    with torch.no_grad():
        for a, b in zip(encode_whole(narrow, video), encode_whole(wide, video), strict=True):
            assert (a - b).abs().max() < 1e-4
        latents = torch.randn(1, 16, 3, 4, 6)
        assert (decode_whole(narrow, latents) - decode_whole(wide, latents)).abs().max() < 1e-4


def test_its_new_channels_learn(pair):
    wide = pair[1]
    decode_whole(wide, torch.randn(1, 16, 2, 4, 4)).square().mean().backward()
    weight = wide.decoder.up_blocks[-1].resnets[0].conv1.weight
    assert weight[4:].abs().max() == 0 and weight.grad[4:].abs().max() > 0


def test_the_same_width_is_a_copy():
    torch.manual_seed(0)
    first, second = AutoencoderKLWan(base_dim=4), AutoencoderKLWan(base_dim=4)
    widen(first, second)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_a_wider_start_is_refused():
    with pytest.raises(ValueError, match="at least 6"):
        widen(AutoencoderKLWan(base_dim=6), AutoencoderKLWan(base_dim=4))
