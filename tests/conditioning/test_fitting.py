"""What becomes of a picture of another shape than the size that is asked for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skyreels_core.conditioning.fitting import SHAPES, fit_picture, keep_shape
from skyreels_core.errors import InputError
from skyreels_core.media.reading import fit
from skyreels_core.timeline import SIZE_MULTIPLE

PORTRAIT = (48, 80)  # width, height
HALF_STEP = SIZE_MULTIPLE / 2  # pixels that a side moves to the grid, at most


def picture(width, height):
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(1))


@given(st.integers(300, 4000), st.integers(300, 4000))
def test_a_video_has_about_the_pictures_shape_and_about_the_area_that_was_asked_for(width, height):
    made = keep_shape((width, height), 832, 480)
    assert all(side % SIZE_MULTIPLE == 0 for side in made)
    scale = (832 * 480 / (width * height)) ** 0.5
    for side, own in zip(made, (width, height), strict=True):
        assert abs(side - own * scale) <= HALF_STEP + 0.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(96, 96), (832, 480), (64, 128)])
def test_a_picture_of_the_shape_that_is_asked_for_gets_that_size_whatever_the_fit(shape, size):
    shot, lines = fit_picture(picture(size[0] * 2, size[1] * 2), *size, shape)
    assert shot.size == size
    assert not any("cropped" in line or "padded" in line for line in lines)


def test_kept_in_shape_a_portrait_loses_no_more_than_the_grid_takes():
    shot, lines = fit_picture(picture(600, 1000), 832, 480)
    assert shot.size == (496, 816)
    assert lines[0] == "The size 832x480 becomes 496x816: about its area, in the picture's aspect ratio."
    assert lines[1] == "Picture: 600x1000 scaled to 496x827, cropped to 496x816."


def test_cropped_a_picture_fills_the_size_as_it_always_did():
    shot, lines = fit_picture(given := picture(*PORTRAIT), 64, 32, "crop")
    assert torch.equal(shot.picture, fit(given, 64, 32)[0])
    assert lines == ["Picture: 48x80 scaled to 64x107, cropped to 64x32."]


def test_padded_a_picture_is_there_whole_between_black():
    shot, lines = fit_picture(torch.ones(80, 48, 3), 64, 32, "pad")
    assert lines == ["Picture: 48x80 scaled to 19x32, padded with black to 64x32."]
    assert shot.picture.sum() == 19 * 32 * 3
    assert shot.picture[:, :22].max() == shot.picture[:, 42:].max() == 0


def test_a_picture_so_long_that_no_video_has_its_shape_is_refused_with_what_to_choose():
    with pytest.raises(InputError, match=r"3000x60.*96x96 would be 672x16.*Choose crop or pad as the fit"):
        fit_picture(picture(3000, 60), 96, 96)
    for shape in ("crop", "pad"):
        assert fit_picture(picture(3000, 60), 96, 96, shape)[0].size == (96, 96)


def test_without_a_picture_the_size_is_the_one_that_is_asked_for():
    assert fit_picture(None, 832, 480)[0].size == (832, 480)


def test_an_unknown_fit_is_refused_with_those_that_are_known():
    with pytest.raises(InputError, match="'stretch' is unknown; use one of keep_shape, crop, pad"):
        fit_picture(picture(*PORTRAIT), 64, 32, "stretch")
