"""Masks as picture editors save them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.conditioning.region import check_edit
from skyreels_core.errors import InputError
from skyreels_core.pipeline.region import read_mask
from skyreels_core.video.footage import Held, collect

WIDTH, HEIGHT = 48, 32
VIDEO = Held(torch.zeros(3, HEIGHT, WIDTH, 3))
SHAPE = np.zeros((HEIGHT, WIDTH), np.uint8)
SHAPE[16:, 8:24] = 255


def drawn(mode, path):
    """A white shape on what the mode has for nothing."""
    shape = Image.fromarray(SHAPE)
    white = Image.new("L", shape.size, 255)
    if mode == "I;16":
        shape = Image.fromarray(SHAPE.astype(np.uint16) * 257)
    elif mode == "P":
        shape = shape.convert("P")
    elif mode == "P with a transparent colour":
        shape = Image.fromarray((SHAPE > 0).astype(np.uint8), "P")
        shape.putpalette([255, 255, 255] * 2)
        shape.info["transparency"] = 0
    elif mode == "RGB with a transparent colour":
        shape = Image.merge("RGB", [shape.point(lambda value: 255 if value else 254)] * 3)
        shape.info["transparency"] = (254, 254, 254)
    elif mode == "LA":
        shape = Image.merge("LA", [white, shape])
    elif mode == "RGBA, all white":
        shape = Image.merge("RGBA", [white] * 3 + [shape])
    elif mode == "RGBA, opaque":
        shape = Image.merge("RGBA", [shape] * 3 + [white])
    elif mode != "L":
        shape = shape.convert(mode)
    shape.save(path)
    return read_mask(path, VIDEO)


MODES = ("1", "L", "I;16", "P", "RGB", "LA", "RGBA, all white", "RGBA, opaque")
MODES += ("P with a transparent colour", "RGB with a transparent colour")


@pytest.mark.parametrize("mode", MODES)
def test_white_is_the_region_and_transparent_is_not(mode, tmp_path):
    assert torch.equal(collect(drawn(mode, tmp_path / "mask.png")), torch.from_numpy(SHAPE > 0)[None].float())


def test_a_transparent_webp_is_a_mask_too(tmp_path):
    white = Image.new("L", (WIDTH, HEIGHT), 255)
    shape = Image.merge("RGBA", [white] * 3 + [Image.fromarray(SHAPE)])
    shape.save(tmp_path / "mask.webp", lossless=True, exact=True)
    mask = collect(read_mask(tmp_path / "mask.webp", VIDEO))
    assert torch.equal(mask, torch.from_numpy(SHAPE > 0)[None].float())


def test_half_transparent_edges_are_the_region_from_the_half_on(tmp_path):
    ramp = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    white = Image.new("L", (WIDTH, HEIGHT), 255)
    Image.merge("LA", [white, Image.fromarray(ramp)]).save(tmp_path / "mask.png")
    assert torch.equal(
        collect(read_mask(tmp_path / "mask.png", VIDEO))[0], torch.from_numpy(ramp > 127).float()
    )


def test_black_on_transparent_says_that_transparent_counts_as_black(tmp_path):
    black = Image.new("L", (WIDTH, HEIGHT), 0)
    Image.merge("RGBA", [black] * 3 + [Image.fromarray(SHAPE)]).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=r"black everywhere.*transparent counts as black"):
        check_edit(VIDEO, read_mask(tmp_path / "mask.png", VIDEO))


def test_of_an_animated_picture_the_first_is_not_taken_for_all(tmp_path):
    frames = [Image.fromarray(SHAPE), Image.fromarray(SHAPE[::-1].copy())]
    frames[0].save(tmp_path / "mask.webp", save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(InputError, match=r"mask\.webp is an animated picture"):
        read_mask(tmp_path / "mask.webp", VIDEO)
