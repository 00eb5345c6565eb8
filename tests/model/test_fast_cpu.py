from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from skyreels_core.model.bundle import load_bundle
from skyreels_core.model.fast_cpu import FastOnCpu


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize(
    "kernel, options", [(3, {}), (1, {}), ((1, 3, 3), {"stride": (1, 2, 2)}), (3, {"padding": 1})]
)
def test_convolutions_are_the_same_but_for_rounding(kernel, options):
    layer, x = torch.nn.Conv3d(12, 5, kernel, **options), random(1, 12, 4, 18, 18)
    plain = layer(x)
    with FastOnCpu():
        assert torch.allclose(layer(x), plain, atol=1e-5)


@torch.no_grad()
def test_norms_are_the_same_but_for_rounding_and_nothing_stays_nothing():
    x = random(1, 12, 4, 8, 8)
    x[:, :, 0] = 0
    plain = F.normalize(x, dim=1)
    with FastOnCpu():
        fast = F.normalize(x, dim=1)
    assert torch.allclose(fast, plain, atol=1e-6) and not fast[:, :, 0].any()


@torch.no_grad()
def test_other_types_and_norms_go_their_usual_way():
    layer, x = torch.nn.Conv3d(4, 4, 3).double(), random(1, 4, 3, 8, 8).double()
    plain = (
        layer(x),
        F.normalize(x.float(), p=1.0, dim=1),
        F.conv3d(x.float(), layer.weight.float(), padding="same"),
    )
    with FastOnCpu():
        fast = (
            layer(x),
            F.normalize(x.float(), p=1.0, dim=1),
            F.conv3d(x.float(), layer.weight.float(), padding="same"),
        )
    assert all(torch.equal(a, b) for a, b in zip(plain, fast, strict=True))


def test_gradients_flow_as_ever():
    layer, x = torch.nn.Conv3d(4, 4, 3), random(1, 4, 3, 8, 8)
    with FastOnCpu():
        F.normalize(layer(x), dim=1).square().sum().backward()
    assert layer.weight.grad.isfinite().all()


def test_the_vae_of_a_bundle_gives_what_its_network_gives(bundle_folder):
    vae, latents = load_bundle(bundle_folder).vae, random(1, 16, 4, 4, 4)
    with torch.no_grad():
        plain = vae.network.decode(latents * vae.std + vae.mean).sample
        video = random(1, 3, 9, 32, 32).clamp(-1, 1)
        encoded = (vae.network.encode(video).latent_dist.mean - vae.mean) / vae.std
    assert torch.allclose(vae.decode(latents), plain, atol=1e-4)
    assert torch.allclose(vae.encode(video), encoded, atol=1e-4)
