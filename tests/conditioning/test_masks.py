from __future__ import annotations

import pytest
import torch

from skyreels_core.conditioning.masks import loss_mask_to_latent, mask_to_latent, snap_holes
from skyreels_core.errors import InputError
from skyreels_core.media.region import feather


def wan_packing(frames: int, height: int, width: int) -> torch.Tensor:
    """Wan 2.1's image2video.py, the mask of a single given picture."""
    msk = torch.ones(1, frames, height // 8, width // 8)
    msk[:, 1:] = 0
    msk = torch.concat([torch.repeat_interleave(msk[:, 0:1], repeats=4, dim=1), msk[:, 1:]], dim=1)
    msk = msk.view(1, msk.shape[1] // 4, 4, height // 8, width // 8)
    return msk.transpose(1, 2)[0]


def hole(frames: int, *where: tuple) -> torch.Tensor:
    mask = torch.zeros(frames, 64, 64)
    for index in where:
        mask[index] = 1
    return mask


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_a_given_picture_is_packed_as_wan_packs_it(frames):
    given = torch.zeros(frames, 32, 48)
    given[0] = 1
    assert torch.equal(mask_to_latent(given), wan_packing(frames, 32, 48))


def test_snapped_holes_lie_on_the_grid_and_contain_the_box():
    holes = hole(1, (0, slice(17, 30), slice(15, 17)))
    expected = hole(1, (0, slice(16, 32), slice(0, 32)))
    assert torch.equal(snap_holes(holes), expected)


def test_a_hole_is_shared_by_its_causal_group_and_by_no_other():
    snapped = snap_holes(hole(9, (0, slice(0, 4), slice(0, 4)), (3, slice(40, 44), slice(40, 44))))
    alone = hole(9, (0, slice(0, 16), slice(0, 16)))
    assert torch.equal(snapped, alone + hole(9, (slice(1, 5), slice(32, 48), slice(32, 48))))


def test_pooling_keeps_the_whole_of_a_snapped_hole():
    holes = snap_holes(hole(9, (slice(1, 6), slice(9, 30), slice(20, 47))))
    shown = mask_to_latent(1 - holes)
    expected = 1 - holes[[0, 1, 5], ::8, ::8]
    assert torch.equal(shown, expected.expand(4, -1, -1, -1))


def test_pooling_an_unsnapped_hole_would_shrink_it():
    given = 1 - hole(5, (slice(1, 4), slice(16, 32), slice(16, 32)))
    assert mask_to_latent(given).min() == 1


def test_the_loss_mask_is_the_share_of_each_latent_cell():
    lips = hole(5, (0, slice(0, 4), slice(0, 8)), (2, slice(8, 16), slice(0, 8)))
    share = loss_mask_to_latent(lips)
    assert share.shape == (2, 8, 8)
    assert share[0, 0, 0] == 0.5 and share[1, 1, 0] == 0.25 and share.sum() == 0.75


def test_batches_equal_their_clips():
    masks = (torch.rand(3, 9, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.9).float()
    for function in (mask_to_latent, snap_holes, loss_mask_to_latent, lambda m: feather(m, 6)):
        single = torch.stack([function(mask) for mask in masks])
        # vectorised ends round otherwise
        torch.testing.assert_close(function(masks), single, rtol=0, atol=1e-6)


def test_a_length_that_the_vae_cannot_hold_is_refused():
    with pytest.raises(InputError, match="5 frames"):
        mask_to_latent(torch.ones(4, 16, 16))


def test_feathering_is_one_inside_falls_outside_and_ends_after_the_given_pixels():
    mask = hole(1, (0, slice(20, 40), slice(0, 10)))
    soft = feather(mask, 8)
    assert torch.equal(soft[mask == 1], torch.ones(200))
    row = soft[0, 30]
    assert (row[9:19].diff() < 0).all() and row[17] > 0
    assert soft[0, :, 18:].max() == 0 and soft[0, :12].max() == 0
