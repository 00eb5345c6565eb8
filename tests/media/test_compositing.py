from __future__ import annotations

import math

import pytest
import torch

from skyreels_core.errors import InputError
from skyreels_core.media.compositing import (
    FEATHER,
    composite,
    composite_clip,
    layers,
    outside_error,
    place_back,
    scale_to,
)
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.region import feather


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


@pytest.fixture
def hole():
    mask = torch.zeros(1, 32, 48)
    mask[:, 10:20, 8:20] = 1
    return mask


def source(count: int) -> torch.Tensor:
    return torch.rand(count, 32, 48, 3, generator=torch.Generator().manual_seed(2))


def test_what_was_made_is_scaled_and_placed_into_the_source(hole):
    placed = torch.stack(list(place_back(frames(1), InMemoryFrames(source(3)), InMemoryFrames(hole))))
    scaled = torch.stack(list(scale_to(frames(1), 48, 32)))
    outside = feather(hole, round(FEATHER * 32))[0] == 0
    assert torch.equal(placed[:, outside], source(3)[:, outside])
    assert torch.equal(placed[:, hole[0] == 1], scaled[:, hole[0] == 1])


def test_the_last_frame_of_a_short_source_lasts_and_a_long_one_is_cut(hole):
    masks = torch.cat([hole, hole.flip(2)])
    placed = torch.stack(list(place_back(frames(1), InMemoryFrames(source(2)), InMemoryFrames(masks))))
    assert torch.equal(placed[:, 0, 0], source(2)[[0, 1, 1], 0, 0])
    assert torch.equal(placed[2][hole[0] == 1], source(2)[1][hole[0] == 1])  # its mask is the mirrored one
    assert len(list(place_back(frames(1), InMemoryFrames(source(5)), InMemoryFrames(hole)))) == 3


def test_the_feather_can_be_given_in_pixels_and_none_is_a_hard_edge(hole):
    blended = [
        int(((layer.weight > 0) & (layer.weight < 1)).sum())
        for pixels in (0, 1, 4)
        for layer in layers(frames(1)[:1], InMemoryFrames(source(1)), InMemoryFrames(hole), pixels)
    ]
    assert blended[0] == 0 < blended[1] < blended[2]


def test_a_clip_reports_what_was_changed_before_and_after(hole):
    seen = []
    done = composite_clip(frames(1), source(3), hole, callback=seen.append)
    placed = place_back(frames(1), InMemoryFrames(source(3)), InMemoryFrames(hole))
    assert torch.equal(done.frames, torch.stack(list(placed)))
    assert done.changed.composited.error().largest == 0
    made = done.changed.made.error()
    assert made.largest > 0.5 and made.psnr < 15
    assert seen == [0, 1, 2]
    assert "24x16 scaled to 48x32" in str(done) and "composited: outside the mask nothing changed" in str(
        done
    )


def test_a_clip_says_how_its_length_was_made_to_fit(hole):
    assert "repeated for 1 of 3 frames" in str(composite_clip(frames(1), source(2), hole))
    assert "Of the source's 5 frames, 3 are used." in str(composite_clip(frames(1), source(5), hole))


@pytest.mark.parametrize("shape", [(1, 32, 40), (2, 32, 48)])
def test_a_mask_that_does_not_belong_to_the_source_is_refused(shape):
    with pytest.raises(InputError, match=r"mask is .* part of the source \[3, 32, 48\]"):
        composite_clip(frames(1), source(5), torch.ones(shape))


def test_a_mask_may_be_as_long_as_a_short_source(hole):
    assert len(composite_clip(frames(1), source(2), hole.expand(2, -1, -1)).frames) == 3
