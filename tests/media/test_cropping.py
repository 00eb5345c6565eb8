from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.media.cropping import CropPath, CroppedFrames, CroppedRegion, lanczos
from skyreels_core.media.footage import InMemoryFrames, collect


def noise(width: int, height: int, frames: int = 1) -> torch.Tensor:
    return torch.rand(frames, height, width, 3, generator=torch.Generator().manual_seed(width))


def photo(width: int, height: int) -> torch.Tensor:
    """Noise with the spectrum of a photograph: the finer, the fainter."""
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    spectrum = np.fft.fft2(noise(width, height)[0].numpy(), axes=(0, 1))
    spectrum /= np.maximum(np.hypot(x, y), 1 / width)[..., None] ** 1.2
    spectrum[0, 0] = 0
    field = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return torch.from_numpy(0.5 + 0.15 * field / field.std()).float().clamp(0, 1)


def still(left: float, top: float, box: tuple[int, int], size: tuple[int, int], frames: int = 1) -> CropPath:
    return CropPath(np.array([[left, top]] * frames), box, size)


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return -10 * math.log10(max(float((one - other).square().mean()), 1e-20))


def oval(width: int, height: int, middle: tuple[float, float], radius: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((x - middle[0]).square() + (y - middle[1]).square() <= radius**2).float()


@pytest.mark.parametrize("box", [(96, 96), (64, 80), (50, 50), (31, 31)])
@pytest.mark.parametrize("corner", [(40, 21), (40.125, 21.875)])
@pytest.mark.parametrize("picture", [noise(200, 150)[0], photo(200, 150)])
def test_a_box_no_larger_than_the_models_size_comes_back_as_it_was(box, corner, picture):
    path = still(*corner, box, (96, 96 * box[1] // box[0]))
    mask = oval(200, 150, (corner[0] + box[0] / 2, corner[1] + box[1] / 2), min(box) / 4)
    back = path.put_back(picture, path.cut(picture, 0), mask, 0)
    assert psnr(back[mask > 0], picture[mask > 0]) >= 50


@pytest.mark.parametrize("side", [97, 128, 300])
def test_a_larger_box_comes_back_as_plain_lanczos_makes_it(side):
    picture, path = photo(400, 320), still(50, 11, (side, side), (96, 96))
    part = Image.fromarray((picture[11 : 11 + side, 50 : 50 + side, 1]).contiguous().numpy())
    plain = part.resize((96, 96), Image.Resampling.LANCZOS).resize((side, side), Image.Resampling.LANCZOS)
    mask = oval(400, 320, (50 + side / 2, 11 + side / 2), side / 4)
    back = path.put_back(picture, path.cut(picture, 0), mask, 0)
    original, there = picture[..., 1], mask > 0
    expected = torch.from_numpy(np.array(plain))[there[11 : 11 + side, 50 : 50 + side]]
    assert abs(psnr(back[..., 1][there], original[there]) - psnr(expected, original[there])) <= 1


@pytest.mark.parametrize("size", [(96, 96), (360, 288), (1920, 1080), (3840, 2160)])
def test_outside_the_feathered_mask_every_pixel_is_the_sources_at_any_size(size):
    width, height = size
    picture, side = photo(*size), min(size) // 2
    path = still(width // 4 + 0.375, height // 4 + 0.625, (side, side), (64, 64))
    middle, radius, feather = (
        (width / 4 + side / 2, height / 4 + side / 2),
        side / 5,
        max(1, round(side / 32)),
    )
    mask = oval(*size, middle, radius)
    back = path.put_back(picture, torch.ones(64, 64, 3), mask, 0)
    beyond = oval(*size, middle, radius + feather + 1) == 0
    assert torch.equal(back[beyond], picture[beyond])
    assert back[mask > 0].min() > 0.9 and back is not picture  # the fine grain of the source stays


def test_a_mask_that_leaves_the_box_is_feathered_from_the_boxs_edge():
    picture, path = torch.zeros(100, 100, 3), still(20, 20, (64, 64), (64, 64))
    back = path.put_back(picture, torch.ones(64, 64, 3), torch.ones(100, 100), 0, pixels=4)[..., 0]
    assert back[:20].max() == back[84:].max() == back[:, :20].max() == back[:, 84:].max() == 0
    torch.testing.assert_close(back[50, 20:25], torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0]))


def test_at_the_edge_of_the_frame_there_is_no_ramp():
    path = still(0, 36, (64, 64), (64, 64))
    back = path.put_back(torch.zeros(100, 100, 3), torch.ones(64, 64, 3), torch.ones(100, 100), 0)
    assert back[60:, :40].min() == 1


def test_without_a_mask_the_whole_box_is_what_was_made():
    picture = noise(100, 100)[0]
    back = still(10, 10, (32, 32), (64, 64)).put_back(picture, torch.ones(64, 64, 3), None, 0)
    assert torch.equal(back[42:], picture[42:])
    assert psnr(back[10:42, 10:42], torch.ones(32, 32, 3)) > 20


def test_a_crop_of_whole_pixels_at_its_own_size_is_the_source_bit_for_bit():
    picture = noise(80, 70)[0]
    assert torch.equal(lanczos(picture, (7.0, 9.0, 39.0, 57.0), (32, 48)), picture[9:57, 7:39])


def test_a_step_of_an_eighth_of_a_pixel_moves_the_picture_by_as_much():
    ramp = torch.arange(64.0).expand(64, 64)[..., None].repeat(1, 1, 3) / 64
    ahead = [still(left, 10, (32, 32), (32, 32)).cut(ramp, 0) for left in (16.0, 16.125)]
    torch.testing.assert_close(
        ahead[1] - ahead[0], torch.full((32, 32, 3), 0.125 / 64), atol=0.02 / 64, rtol=0
    )


def test_a_cropped_video_is_cut_from_its_shot_alone_from_any_frame_on():
    video = noise(60, 50, 9)
    path = CropPath(np.array([[5, 5], [6, 5], [7.5, 5]]), (32, 32), (32, 32))
    shot = CroppedFrames(InMemoryFrames(video), 4, path, 25.0)
    frames = collect(shot)
    assert frames.shape == (3, 32, 32, 3) and shot.size == (32, 32)
    assert torch.equal(frames[1], video[5, 5:37, 6:38])
    assert torch.equal(torch.stack(list(shot.stream(1))), frames[1:])


@pytest.mark.parametrize("size", [(16, 16), (96, 96)])
def test_a_cropped_mask_is_white_wherever_a_pixel_of_the_source_is(size):
    masks = torch.zeros(4, 50, 60)
    masks[3, 20, 25] = 1
    region = CroppedRegion(InMemoryFrames(masks), 2, still(9.5, 4.5, (32, 32), size, frames=2))
    empty, one = collect(region)
    assert empty.max() == 0 and one.max() == 1
    row, column = (int(x) for x in (one == 1).nonzero().float().mean(0))
    assert abs(row - (20 - 4.5) * size[1] / 32) <= 3 and abs(column - (25 - 9.5) * size[0] / 32) <= 3


def test_one_mask_is_for_all_frames_of_every_shot():
    region = CroppedRegion(
        InMemoryFrames(torch.ones(1, 50, 60)), 7, still(9, 4, (32, 32), (16, 16), frames=3)
    )
    assert collect(region).shape == (3, 16, 16) and collect(region).min() == 1
