from __future__ import annotations

import math

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.video.compositing import composite, outside_error


def frames(seed: int) -> torch.Tensor:
    return torch.rand(3, 16, 24, 3, generator=torch.Generator().manual_seed(seed))


def feathered() -> torch.Tensor:
    return torch.linspace(-0.5, 1.5, 24).clamp(0, 1).expand(3, 16, 24)


def test_the_original_stays_bit_for_bit_outside_the_mask():
    generated = frames(1)
    generated[:, :, 0] = torch.nan
    edited, mask = composite(frames(0), generated, feathered()), feathered()
    assert torch.equal(edited[mask == 0], frames(0)[mask == 0])
    assert outside_error(frames(0), edited, mask) == outside_error(frames(0), frames(0), mask)


def test_inside_the_mask_the_edit_is_whole_and_its_border_is_a_blend():
    edited, mask = composite(frames(0), frames(1), feathered()), feathered()
    assert torch.equal(edited[mask == 1], frames(1)[mask == 1])
    column = int((mask[0, 0] - 0.5).abs().argmin())
    weight = mask[0, 0, column]
    expected = torch.lerp(frames(0)[:, :, column], frames(1)[:, :, column], weight)
    assert (edited[:, :, column] - expected).abs().max() < 1e-6


def test_changes_outside_the_mask_are_measured():
    edited = composite(frames(0), frames(1), feathered())
    edited[1, 2, 0, 0] += 0.1
    error = outside_error(frames(0), edited, feathered())
    values = int((feathered() == 0).sum()) * 3
    assert error.largest == pytest.approx(0.1, abs=1e-6)
    assert error.psnr == pytest.approx(-10 * math.log10(0.01 / values), abs=1e-3)
    assert "largest change is 0.1000" in str(error)


def test_changes_inside_the_mask_are_none_outside():
    error = outside_error(frames(0), composite(frames(0), frames(1), feathered()), feathered())
    assert error.largest == 0 and error.psnr == math.inf and "nothing changed" in str(error)


def test_frames_of_another_size_are_named():
    with pytest.raises(InputError, match=r"\(3, 16, 24, 3\), the edit \(3, 16, 16, 3\)"):
        composite(frames(0), frames(1)[:, :, :16], feathered())
