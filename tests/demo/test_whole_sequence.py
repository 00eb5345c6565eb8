from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLWan

from skyreels_core.demo.autoencoder import (
    AutoencoderConfig,
    normalise_latents,
    start_as_image_autoencoder,
)
from skyreels_core.demo.material import DrawnFaces
from skyreels_core.demo.whole_sequence import (
    compile_activations,
    decode_whole,
    encode_whole,
    flatten_outer_level,
)
from skyreels_core.model.compiling import compile_problem


@pytest.fixture(scope="module")
def vae() -> AutoencoderKLWan:
    torch.manual_seed(0)
    return AutoencoderKLWan(base_dim=4).requires_grad_(False)


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_whole_clips_give_what_the_library_gives_in_chunks(vae, frames):
    video = torch.randn(2, 3, frames, 32, 48)
    posterior = vae.encode(video).latent_dist
    mean, log_variance = encode_whole(vae, video)
    assert (mean - posterior.mean).abs().max() < 1e-4
    assert (log_variance.clamp(-30, 20) - posterior.logvar).abs().max() < 1e-4
    assert (decode_whole(vae, mean).clamp(-1, 1) - vae.decode(mean).sample).abs().max() < 1e-4


def test_a_flat_outer_level_is_what_the_library_computes_and_stays_flat_in_training():
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=4)
    flatten_outer_level(vae)
    video = torch.randn(1, 3, 9, 32, 32)
    optimiser = torch.optim.AdamW(vae.parameters(), 1e-2, weight_decay=0)
    decode_whole(vae, encode_whole(vae, video)[0]).square().mean().backward()
    optimiser.step()
    inner = vae.decoder.mid_block.resnets[0].conv1.weight
    for outer in (vae.encoder.conv_in, vae.encoder.down_blocks[1].conv2, vae.decoder.conv_out):
        assert not outer.weight[:, :, :-1].any() and outer.weight[:, :, -1].all()
    assert inner[:, :, :-1].all()
    with torch.no_grad():
        posterior = vae.encode(video).latent_dist
        whole = decode_whole(vae, posterior.mean).clamp(-1, 1)
        assert (encode_whole(vae, video)[0] - posterior.mean).abs().max() < 1e-4
        assert (whole - vae.decode(posterior.mean).sample).abs().max() < 1e-4


@pytest.mark.skipif(
    compile_problem(torch.device("cpu")) is not None, reason="nothing here compiles for a CPU"
)
def test_compiled_activations_give_the_same_pictures_and_gradients():
    torch.manual_seed(0)
    vae, latents, found = AutoencoderKLWan(base_dim=4), torch.randn(1, 16, 3, 4, 4), []
    for compiled in (False, True):
        if compiled:
            compile_activations(vae)
        vae.zero_grad()
        decoded = decode_whole(vae, latents)
        decoded.square().mean().backward()
        found.append((decoded.detach(), vae.decoder.mid_block.resnets[0].conv1.weight.grad.clone()))
    (plain, gradient), (decoded, compiled) = found
    assert (decoded - plain).abs().max() < 1e-4
    assert (compiled - gradient).norm() < 1e-4 * gradient.norm()


def test_training_starts_from_frames_that_see_only_themselves():
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=4).requires_grad_(False)
    start_as_image_autoencoder(vae)
    video = torch.randn(1, 3, 9, 32, 32)
    latents = encode_whole(vae, video)[0]
    alone = [encode_whole(vae, video[:, :, f : f + 1])[0] for f in (0, 4, 8)]
    assert torch.allclose(latents, torch.cat(alone, dim=2), atol=1e-5)


def test_normalised_latents_have_wans_statistics_and_decode_to_the_same_video():
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=4).requires_grad_(False)
    video = torch.randn(1, 3, 5, 32, 32)
    before = decode_whole(vae, encode_whole(vae, video)[0])
    config = AutoencoderConfig(DrawnFaces(32, 25.0), width=4, seed=0, stages=())
    normalise_latents(vae, config)
    mean, _ = encode_whole(vae, video)
    assert (decode_whole(vae, mean) - before).abs().max() < 1e-3
    assert abs(float(mean[:, 8].mean()) - vae.config.latents_mean[8]) < 3 * vae.config.latents_std[8]
