from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from diffusers import AutoencoderKLWan

from skyreels_core.conditioning import conditions
from skyreels_core.conditioning.masks import snap_holes
from skyreels_core.conditioning.visual import VideoEdit
from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.media.region import check_edit
from skyreels_core.model.vae import VideoVAE
from skyreels_core.windows import Window


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return VideoVAE(AutoencoderKLWan(base_dim=8, num_res_blocks=1))


@pytest.fixture(scope="module")
def clip():
    return torch.rand(13, 32, 48, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def mask():
    mask = torch.zeros(13, 32, 48)
    mask[:, 10:20, 18:30] = 1
    return mask


class Variants(NamedTuple):
    video: torch.Tensor
    first: torch.Tensor


def video_editing(vae, frames, mask, start, length):
    edit = VideoEdit(InMemoryFrames(frames), InMemoryFrames(mask), (frames.shape[2], frames.shape[1]))
    return Variants(*(edit.condition(vae, Window(0, start, length), v) for v in Variants._fields))


def video_of(frames):
    return frames.permute(3, 0, 1, 2)[None] * 2 - 1


def test_image_animation_gives_the_picture_then_nothing(vae, clip):
    condition = conditions.image_animation(vae, clip[0], 9)
    video = torch.zeros(1, 3, 9, 32, 48)
    video[:, :, 0] = video_of(clip[:1])[:, :, 0]
    assert condition.shape == (1, 20, 3, 4, 6)
    assert torch.equal(condition[:, 4:], vae.encode(video))
    assert condition[:, :4, 0].min() == 1 and condition[:, :4, 1:].max() == 0


def test_without_a_picture_the_mask_is_zero_and_the_video_empty(vae):
    condition = conditions.no_picture(vae, 5, 32, 48)
    assert condition[:, :4].abs().max() == 0
    assert torch.equal(condition[:, 4:], vae.encode(torch.zeros(1, 3, 5, 32, 48)))


def test_editing_shows_the_first_frame_whole_and_the_others_outside_the_box(vae, clip, mask):
    video, _ = video_editing(vae, clip, mask, start=0, length=3)
    shown = video_of(clip[:9])
    shown[:, :, 1:, 0:32, 16:32] = 0
    assert torch.equal(video[:, 4:], vae.encode(shown))
    assert video[:, :4, 0].min() == 1
    assert video[:, :4, 1:, :, 2:4].max() == 0 and video[:, :4, 1:, :, :2].min() == 1


def test_a_later_window_starts_from_its_own_whole_source_frame(vae, clip, mask):
    later = video_editing(vae, clip, mask, start=1, length=3)
    alone = video_editing(vae, clip[4:], mask[4:], start=0, length=3)
    assert torch.equal(later.video, alone.video) and torch.equal(later.first, alone.first)


def test_the_first_frame_variant_is_image_animation_from_that_frame(vae, clip, mask):
    edit = video_editing(vae, clip, mask, start=1, length=2)
    assert torch.equal(edit.first, conditions.image_animation(vae, clip[4], 5))


def test_a_source_that_ends_early_stands_still(vae, clip, mask):
    short = video_editing(vae, clip[:7], mask[:7], start=0, length=3)
    still = torch.cat([clip[:7], clip[6:7], clip[6:7]])
    assert torch.equal(short.video, video_editing(vae, still, mask[:9], start=0, length=3).video)


def test_one_mask_frame_serves_all_frames(vae, clip, mask):
    single = video_editing(vae, clip, mask[:1], start=0, length=2)
    assert torch.equal(single.video, video_editing(vae, clip, mask, start=0, length=2).video)


def test_a_batch_may_mix_pictures_edits_and_nothing(vae, clip, mask):
    video = video_of(clip[:5]).expand(3, -1, -1, -1, -1)
    holes = mask[None, :5]
    first, nothing = conditions.given_first(video[:1]), conditions.given_nothing(video[:1])
    given = torch.cat([first, conditions.given_outside(holes), nothing])
    mixed = conditions.condition_latent(vae, video, given)
    edit = video_editing(vae, clip, mask, start=0, length=2)
    singles = torch.cat([edit.first, edit.video, conditions.no_picture(vae, 5, 32, 48)])
    torch.testing.assert_close(mixed, singles, atol=1e-5, rtol=1e-5)  # convolutions differ by batch size


def test_nothing_of_the_hole_reaches_the_condition(vae, clip, mask):
    hole = snap_holes(mask)[1:, ..., None] == 1
    other = clip.clone()
    other[1:] = torch.where(hole, 1 - other[1:], other[1:])
    first, second = (video_editing(vae, frames, mask, 0, 4).video for frames in (clip, other))
    assert torch.equal(first, second)


def test_masks_and_pictures_of_the_wrong_size_are_refused(vae, clip, mask):
    with pytest.raises(InputError, match="a frame for each frame"):
        check_edit(InMemoryFrames(clip), InMemoryFrames(mask[:4]))
    with pytest.raises(InputError, match="40x32"):
        conditions.image_animation(vae, clip[0, :, :40], 5)
