"""The rotation of positions in real numbers, against the complex form that the method is written in."""

import pytest
import torch

from skyreels_core.model.rope import rope_1d, rope_3d, rotate

HEAD = 40  # channels of a head; thirds of it are uneven


def turned(positions, dim):
    """exp(i angle), angles in float64. positions: [n] -> complex128 [n dim/2]"""
    frequencies = 1e4 ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = positions.double()[:, None] * frequencies
    return torch.polar(torch.ones_like(angles), angles)


def complex_form(x, rotation):
    """x: [n ... d]; rotation: complex [n d/2], the products of neighbouring pairs as complex numbers."""
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    shape = (len(rotation), *[1] * (x.ndim - 2), -1)
    return torch.view_as_real(pairs * rotation.view(shape)).flatten(-2).to(x.dtype)


def tokens(count, dtype=torch.float32):
    return torch.randn(count, 3, HEAD, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("first", [0.0, 17.25, 180_000.625])
def test_real_and_complex_rotations_are_equal(first):
    positions = torch.arange(30, dtype=torch.float64) * 1.75 + first
    x = tokens(30)
    expected = complex_form(x, turned(positions, HEAD))
    assert (rotate(x, rope_1d(positions, HEAD)[:, None]) - expected).abs().max() <= 1e-6


def test_the_grid_of_a_window_is_turned_by_frame_row_and_column():
    t, h, w = 3, 4, 5
    spatial = 2 * (HEAD // 6)
    place = torch.cartesian_prod(torch.arange(t), torch.arange(h), torch.arange(w))
    widths = (HEAD - 2 * spatial, spatial, spatial)
    expected = torch.cat([turned(place[:, axis], width) for axis, width in enumerate(widths)], dim=-1)
    x = tokens(t * h * w)
    out = rotate(x, rope_3d(t, h, w, HEAD)[:, None])
    assert (out - complex_form(x, expected)).abs().max() <= 1e-6


def test_bf16_tokens_are_turned_in_float32_and_rounded_once():
    positions = torch.arange(30, dtype=torch.float64) + 180_000
    rotation, x = rope_1d(positions, HEAD)[:, None], tokens(30, torch.bfloat16)
    out = rotate(x, rotation)
    assert rotation.dtype == torch.float32 and out.dtype == torch.bfloat16
    assert torch.equal(out, rotate(x.float(), rotation).bfloat16())
