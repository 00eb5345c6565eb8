from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.errors import InputError
from skyreels_core.media.reading import fit, read_picture

LEVEL = 1 / 255 + 1e-6  # one 8-bit step


def pixels(height: int = 24, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) * 2], -1).astype(np.uint8)


def difference(path, expected: np.ndarray) -> float:
    picture = read_picture(path)
    assert picture.dtype == torch.float32 and picture.shape == expected.shape
    return float((picture - torch.from_numpy(expected.astype(np.float32))).abs().max())


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_lossless_formats_are_read_as_they_were_saved(tmp_path, suffix):
    path = tmp_path / f"Porträt 肖像.{suffix}"
    Image.fromarray(pixels()).save(path, lossless=True)
    assert difference(path, pixels() / 255) < 1e-6


def test_a_jpeg_is_read_within_its_compression(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert difference(tmp_path / "a.jpg", pixels() / 255) < 0.05


def test_sixteen_bit_grey_keeps_its_depth(tmp_path):
    grey = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 64 + 1
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    assert difference(tmp_path / "a.png", np.repeat(grey[..., None] / 65535, 3, -1)) < 1e-6


def test_sixteen_bit_colour_is_read_to_eight_bits(tmp_path):
    colour = pixels().astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), colour[..., ::-1])
    assert difference(tmp_path / "a.png", colour / 65535) < LEVEL


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA", "RGBA"])
def test_every_colour_mode_becomes_the_picture_a_viewer_shows(tmp_path, mode):
    picture = Image.fromarray(pixels()).convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    picture.save(path)
    assert difference(path, np.asarray(picture.convert("RGB")) / 255) < LEVEL


def test_a_phone_portrait_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter clockwise for display
    Image.fromarray(pixels()).save(tmp_path / "a.png", exif=exif)
    assert difference(tmp_path / "a.png", np.rot90(pixels(), -1) / 255) < 1e-6


def test_what_is_transparent_becomes_white(tmp_path):
    rgba = np.dstack([pixels(), np.full((24, 40), 255, np.uint8)])
    rgba[:, :10, 3] = 0
    rgba[:, 10:20, 3] = 51
    Image.fromarray(rgba).save(tmp_path / "a.png")
    expected = pixels() / 255
    expected[:, :10] = 1
    expected[:, 10:20] = 0.2 * expected[:, 10:20] + 0.8
    assert difference(tmp_path / "a.png", expected) < 1e-6


@pytest.mark.parametrize("suffix", ["webp", "png", "tiff"])
def test_an_animation_gives_its_first_frame(tmp_path, suffix):
    later = Image.fromarray(255 - pixels())
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels()).save(path, save_all=True, append_images=[later], lossless=True)
    assert difference(path, pixels() / 255) < 1e-6


def test_a_missing_picture_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(InputError, match="is a folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_half_a_download_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_picture(path)


def test_a_text_file_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(InputError, match="PNG, JPEG"):
        read_picture(tmp_path / "a.png")


def test_a_picture_under_16_pixels_says_its_size(tmp_path):
    Image.fromarray(pixels(24, 15)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="15x24 pixels: at least 16"):
        read_picture(tmp_path / "a.png")


def test_a_picture_of_absurd_size_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "a.bmp"
    Image.fromarray(pixels()).save(path)
    header = bytearray(path.read_bytes())
    header[18:26] = (40_000).to_bytes(4, "little") * 2
    path.write_bytes(header)
    with pytest.raises(InputError, match="Scale it down"):
        read_picture(path)


def test_cover_fills_the_target_and_crops_the_rest():
    picture = torch.zeros(100, 200, 3)
    picture[:, 50:150] = 1
    fitted, done = fit(picture, 50, 50, "cover")
    assert fitted.shape == (50, 50, 3) and fitted.min() == 1
    assert str(done) == "200x100 scaled to 100x50, cropped to 50x50" and done.offset == (-25, 0)


def test_contain_keeps_everything_and_pads_with_black():
    fitted, done = fit(torch.ones(4, 100, 200, 3), 50, 50, "contain")
    assert fitted.shape == (4, 50, 50, 3)
    assert fitted[:, 12:37].min() == 1 and fitted[:, :12].max() == 0 and fitted[:, 37:].max() == 0
    assert str(done) == "200x100 scaled to 50x25, padded with black to 50x50" and done.offset == (0, 12)


def test_a_size_that_fits_is_left_bit_for_bit():
    picture = torch.rand(32, 48, 3)
    fitted, done = fit(picture, 48, 32)
    assert torch.equal(fitted, picture) and str(done) == "48x32 kept"


def test_scaling_down_averages_and_scaling_up_does_not_overshoot():
    board = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2).float()[..., None].repeat(1, 1, 3)
    noise = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(0))
    small, _ = fit(noise, 16, 16)
    blocks = noise.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert (small - blocks).abs().max() < 1e-6
    large, _ = fit(board, 256, 256)
    assert large.min() >= 0 and large.max() <= 1


@pytest.mark.parametrize("size", [(481, 480), (1080, 1919), (17, 3000)])
@pytest.mark.parametrize("mode", ["cover", "contain"])
def test_odd_sizes_come_out_exact(size, mode):
    fitted, _ = fit(torch.rand(*size, 3), 48, 32, mode)
    assert fitted.shape == (32, 48, 3)
