from __future__ import annotations

import pytest
import torch

from skyreels_core import assets
from skyreels_core.media.cuts import find_shots
from skyreels_core.media.footage import InMemoryFrames, open_video

CLIP = torch.stack([frame for _, frame in zip(range(30), open_video(assets.video()).stream(), strict=False)])
OTHER = CLIP.flip(2).roll(1, -1) * 0.8  # another place in other colours


def shots(*parts):
    return list(find_shots(InMemoryFrames(torch.cat(parts))))


def test_a_video_without_a_cut_is_one_shot():
    assert list(find_shots(open_video(assets.video()))) == [0]


def test_each_cut_begins_a_shot():
    assert shots(CLIP[:10], OTHER[:7], CLIP[10:]) == [0, 10, 17]


def test_a_flash_of_one_frame_is_no_cut():
    flash = (3 * CLIP[10:11]).clamp(0, 1)
    assert shots(CLIP[:10], flash, CLIP[11:]) == [0]


@pytest.mark.parametrize("step", [5, 20])
def test_a_pan_is_no_cut(step):
    wide = CLIP[0].repeat(1, 2, 1) * torch.linspace(0.3, 1, 192)[:, None]
    panned = torch.stack([wide.roll(step * max(0, frame - 10), 1)[:, :96] for frame in range(30)])
    assert list(find_shots(InMemoryFrames(panned))) == [0]


def test_fades_are_no_cuts():
    share = torch.linspace(0, 1, 30)[:, None, None, None]
    assert shots(CLIP * (1 - share)) == [0]
    assert shots(CLIP.lerp(OTHER, share)) == [0]


def test_brightness_that_rises_level_by_level_is_no_cut():
    fade = torch.linspace(0, 1, 128)[:, None, None, None].expand(-1, 16, 16, 3)
    assert list(find_shots(InMemoryFrames(fade))) == [0]


def test_the_callback_hears_of_every_frame_and_may_raise():
    heard = []
    list(find_shots(InMemoryFrames(CLIP), heard.append))
    assert heard == list(range(30))
    with pytest.raises(KeyboardInterrupt):
        list(find_shots(InMemoryFrames(CLIP), lambda frame: (_ for _ in ()).throw(KeyboardInterrupt)))
