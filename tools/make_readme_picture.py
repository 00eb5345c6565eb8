"""The README's moving picture: the bundled portrait, and the bundled video before and after an edit.

    python -m tools.make_readme_picture

It writes docs/pictures/speaking.webp.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.evaluation.sheets import write_webp
from skyreels_core.media.reading import fit, read_picture, read_video
from skyreels_core.media.sound import read_audio
from skyreels_core.model.bundle import load_bundle
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.edit import edit
from skyreels_core.pipeline.region import find_region

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "speaking.webp"
SIDE, GAP = 192, 8  # pixels
# of the loop
SECONDS = 3.6
# only every second frame is kept
EVERY = 2


def main() -> None:
    model = load_bundle(assets.model())
    speaking = animate(model, read_audio(assets.voice(1)), read_picture(assets.portrait()), assets.caption())
    source = read_video(assets.video(), SECONDS)
    region = find_region(source, keypoints=assets.keypoints())
    edited = edit(model, source, read_audio(assets.voice(2)), region)
    rate = speaking.fps
    panels = [
        _scaled(frames, round(SECONDS * rate))
        for frames in (speaking.tensor(), source.frames, edited.tensor())
    ]
    gap = torch.ones(len(panels[0]), SIDE, GAP, 3)
    row = torch.cat([panels[0], gap, panels[1], gap, panels[2]], dim=2)
    write_webp(PICTURE, row[::EVERY], rate / EVERY, quality=70)


def _scaled(frames: Tensor, count: int) -> Tensor:
    shown = torch.arange(count).clamp(max=len(frames) - 1)
    return fit(frames[shown], SIDE, SIDE)[0].clamp(0, 1)


if __name__ == "__main__":
    main()
