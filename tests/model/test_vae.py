import weakref

import pytest
import torch
from diffusers import AutoencoderKLWan
from safetensors import safe_open
from safetensors.torch import save_file

from skyreels_core.errors import InputError
from skyreels_core.model.fast_cpu import FastOnCpu
from skyreels_core.model.vae import VideoVAE, load_vae, original_name, save_vae


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AutoencoderKLWan(base_dim=4)


def test_encoding_gives_the_posterior_mean_normalised_with_wans_constants(network):
    video = torch.rand(1, 3, 9, 32, 16) * 2 - 1
    latents = VideoVAE(network).encode(video)
    assert latents.shape == (1, 16, 3, 4, 2)
    mean = network.encode(video).latent_dist.mean
    assert torch.allclose(latents[:, 0], (mean[:, 0] + 0.7571) / 2.8184, atol=1e-6)
    assert torch.allclose(latents[:, 15], (mean[:, 15] + 0.2921) / 1.9160, atol=1e-6)


def test_encoding_refuses_frames_that_the_network_would_drop(network):
    with pytest.raises(InputError, match="use 9 frames"):
        VideoVAE(network).encode(torch.zeros(1, 3, 7, 16, 16))


@pytest.mark.parametrize("latent_frames", [1, 2, 9, 31])
def test_a_streamed_decode_is_the_networks_own_bit_for_bit(network, latent_frames):
    vae = VideoVAE(network)
    latents = torch.randn(1, 16, latent_frames, 4, 2)
    with FastOnCpu(), torch.no_grad():
        whole = network.decode(latents * vae.std + vae.mean).sample
    assert whole.shape == (1, 3, 4 * latent_frames - 3, 32, 16)
    chunks = list(vae.decode_stream(latents))
    assert [chunk.shape[2] for chunk in chunks] == [1] + [4] * (latent_frames - 1)
    assert torch.equal(torch.cat(chunks, dim=2), vae.decode(latents))
    assert torch.equal(vae.decode(latents), whole)


def test_beyond_a_block_it_is_the_same_but_for_rounding(network, monkeypatch):
    vae = VideoVAE(network)
    latents = torch.randn(1, 16, 12, 4, 2)
    whole = vae.decode(latents)
    monkeypatch.setattr("skyreels_core.model.vae.BLOCK", 5)
    # A random network amplifies the first layer's rounding tenfold.
    assert torch.allclose(vae.decode(latents), whole, atol=1e-4)


def test_a_stream_lets_go_of_what_it_has_given_away(network):
    stream = VideoVAE(network).decode_stream(torch.randn(1, 16, 3750, 2, 2))  # ten minutes at 25 fps
    given = weakref.ref(next(stream))
    next(stream)
    assert given() is None


def test_streams_can_be_interleaved(network):
    vae = VideoVAE(network)
    first, second = torch.randn(2, 1, 16, 3, 2, 2)
    pairs = list(zip(vae.decode_stream(first), vae.decode_stream(second), strict=True))
    assert torch.equal(torch.cat([pair[0] for pair in pairs], dim=2), vae.decode(first))
    assert torch.equal(torch.cat([pair[1] for pair in pairs], dim=2), vae.decode(second))


def test_a_saved_file_has_wans_original_names_and_loads_to_the_same_network(network, tmp_path):
    save_vae(tmp_path / "vae.safetensors", network, torch.float32)
    with safe_open(tmp_path / "vae.safetensors", "pt") as file:
        names = set(file.keys())
    assert len(names) == len(network.state_dict())
    assert {"encoder.conv1.weight", "decoder.middle.0.residual.0.gamma", "conv2.bias"} <= names
    loaded = load_vae(tmp_path / "vae.safetensors").network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())


def test_original_names_are_the_inverse_of_diffusers_conversion(network):
    from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

    names = list(network.state_dict())
    converted = convert_wan_vae_to_diffusers({original_name(name): name for name in names})
    assert converted == {name: name for name in names}


def test_a_diffusers_folder_loads_to_the_same_network(network, tmp_path):
    network.save_pretrained(tmp_path)
    latents = torch.randn(1, 16, 2, 2, 2)
    assert torch.equal(load_vae(tmp_path).decode(latents), VideoVAE(network).decode(latents))


def test_another_kind_of_file_is_refused_by_its_name(tmp_path):
    weights = {"shared.weight": torch.zeros(2, 2), "encoder.block.0.layer.0.weight": torch.zeros(2)}
    save_file(weights, tmp_path / "text.safetensors")
    with pytest.raises(InputError, match=r"is a UMT5 text encoder; a VAE of Wan 2\.1 is needed here"):
        load_vae(tmp_path / "text.safetensors")


def test_the_vae_of_another_wan_is_refused(tmp_path):
    save_file({"decoder.head.0.gamma": torch.zeros(4, 1, 1, 1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"not the VAE of Wan 2\.1"):
        load_vae(tmp_path / "other.safetensors")
