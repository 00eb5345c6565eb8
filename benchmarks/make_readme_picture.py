"""The moving picture of the README: the bundled portrait speaking, and the bundled video before and after an edit."""

from __future__ import annotations

import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.audio.reading import read_audio
from skyreels_core.pipeline import animate, edit, find_region
from skyreels_core.video.reading import fit, read_picture, read_video
from skyreels_core.video.sheets import write_webp

from .material import bundle
from .record import PICTURES

SIDE, GAP, SECONDS, EVERY = 192, 8, 3.6, 2  # pixels, pixels, of the loop, every second frame


def main() -> None:
    speaking = animate(
        bundle(), read_audio(assets.voice(1)), read_picture(assets.portrait()), assets.caption()
    )
    source = read_video(assets.video(), SECONDS)
    edited = edit(
        bundle(), source, read_audio(assets.voice(2)), find_region(source, keypoints=assets.keypoints())
    )
    rate = speaking.fps
    panels = [
        _scaled(frames, round(SECONDS * rate))
        for frames in (speaking.tensor(), source.frames, edited.tensor())
    ]
    gap = torch.ones(len(panels[0]), SIDE, GAP, 3)
    row = torch.cat([panels[0], gap, panels[1], gap, panels[2]], dim=2)
    write_webp(PICTURES / "speaking.webp", row[::EVERY], rate / EVERY, quality=70)


def _scaled(frames: Tensor, count: int) -> Tensor:
    shown = torch.arange(count).clamp(max=len(frames) - 1)
    return fit(frames[shown], SIDE, SIDE)[0].clamp(0, 1)


if __name__ == "__main__":
    main()
