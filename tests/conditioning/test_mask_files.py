"""Masks as picture editors save them."""

from __future__ import annotations

import av
import numpy as np
import pytest
import torch
from PIL import Image

from skyreels_core.errors import InputError
from skyreels_core.media.footage import InMemoryFrames, collect
from skyreels_core.media.region import check_edit
from skyreels_core.pipeline.region import read_mask

WIDTH, HEIGHT = 48, 32
VIDEO = InMemoryFrames(torch.zeros(3, HEIGHT, WIDTH, 3))
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


def filmed(path, codec, pixels, count=3):
    """A white video that is opaque in the shape only."""
    white = np.dstack([np.full((HEIGHT, WIDTH, 3), 255, np.uint8), SHAPE])
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        for _ in range(count):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(white, format="rgba").reformat(format=pixels)))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("a.mov", "qtrle", "argb"), ("b.mov", "png", "rgba"), ("c.mov", "prores_ks", "yuva444p10le"),
     ("d.mkv", "ffv1", "yuva444p")],
)  # fmt: skip
def test_transparent_is_not_the_region_in_a_video_either(name, codec, pixels, tmp_path):
    mask = collect(read_mask(filmed(tmp_path / name, codec, pixels), VIDEO))
    shape = torch.from_numpy(SHAPE > 0).float().expand(3, -1, -1)
    assert mask.shape == shape.shape and (mask - shape).abs().mean() < 0.02


def test_transparency_that_is_not_read_is_refused(tmp_path):
    path = filmed(tmp_path / "mask.webm", "libvpx-vp9", "yuva420p")
    with pytest.raises(InputError, match=r"mask\.webm has transparency that is not read from VP8 and VP9"):
        read_mask(path, VIDEO)


@pytest.mark.parametrize("count", [1, 3])
def test_a_gif_is_one_mask_for_all_frames_or_one_for_each(count, tmp_path):
    frames = [Image.fromarray((SHAPE > 0).astype(np.uint8), "P") for _ in range(count)]
    for number, frame in enumerate(frames):
        frame.putpalette([255, 255, 255, 255, 255, 255 - number])
    path, rest = tmp_path / "mask.gif", frames[1:]
    frames[0].save(path, save_all=True, append_images=rest, transparency=0, duration=40, disposal=2)
    masks = read_mask(path, VIDEO)
    assert len(masks) == count and torch.equal(collect(masks)[-1], torch.from_numpy(SHAPE > 0).float())


def test_an_animated_png_is_a_mask_for_each_frame(tmp_path):
    frames = [Image.fromarray(SHAPE), Image.fromarray(255 - SHAPE), Image.fromarray(SHAPE)]
    frames[0].save(tmp_path / "mask.png", save_all=True, append_images=frames[1:], duration=40)
    masks = collect(read_mask(tmp_path / "mask.png", VIDEO))
    assert masks.mean((1, 2)).tolist() == pytest.approx([1 / 6, 5 / 6, 1 / 6])


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
