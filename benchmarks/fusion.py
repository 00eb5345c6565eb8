"""Windows over twelve seconds: seams of the three fusion modes, and whether the person stays the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from skyreels_core.evaluation.seams import change, joins
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.media.colour import rgb_to_lab
from skyreels_core.timeline import Timeline
from skyreels_core.windows import MODES, WindowPlan

from .material import FPS, Example, animated, example, measured_seams, shipped, sync
from .record import PICTURES, Record

SECONDS, FACES = 12.0, 2


def run(record: Record) -> None:
    rows = []
    for mode in MODES:
        seams = []
        for index in range(FACES):
            clip = example(index, SECONDS)
            frames = animated(clip, fusion=mode).frames
            changes, meet = _changes(frames, clip), joins(_plan(mode))
            seams += measured_seams(changes, meet, FPS)
            if index == 0:
                around = Curve("change", torch.tensor(changes[meet[0] - 7 : meet[0] + 5]))
                rows.append(Row(mode, frames[meet[0] - 6 : meet[0] + 6], 12 / FPS, (around,)))
            if mode == "bidirectional":
                record.setdefault("drawn_largest", []).append(_largest(clip.frames, clip))
                record.setdefault("anywhere", []).append(_largest(frames, clip))
                record.setdefault("sync", []).append(sync(frames, clip))
                record.setdefault("identity", []).append(_identity(frames, clip, index))
        record[f"seam_{mode}"] = max(seams)
    contact_sheet(PICTURES / "fusion.png", rows, columns=12)


def _plan(mode: str) -> WindowPlan:
    settings, timeline = shipped(), Timeline.from_seconds(SECONDS, FPS)
    return WindowPlan.plan(timeline.latent_frames, settings.window, settings.overlap, mode)


def _changes(frames: Tensor, clip: Example) -> list[float]:
    """From frame to frame outside the lower face: a mouth that opens is no seam."""
    return [change(before, after, 1 - clip.boxes[0]) for before, after in pairwise(frames)]


def _largest(frames: Tensor, clip: Example) -> float:
    """The largest change anywhere, in the median's."""
    changes = _changes(frames, clip)
    return max(changes) / float(np.median(changes))


def _identity(frames: Tensor, clip: Example, index: int) -> float:
    """1 - (colour distance of the worst second to the portrait) / (distance between two people).

    Colours are the mean Lab of hair, forehead, shirt and background of a second.
    """
    portrait = _colours(clip.frames[:1])
    seconds = [_colours(part) for part in frames.split(int(FPS))]
    others = [_colours(example(i, SECONDS).frames[:1]) for i in range(FACES) if i != index]
    between = np.median([float((portrait - other).norm(dim=-1).mean()) for other in others])
    return 1 - max(float((portrait - second).norm(dim=-1).mean()) for second in seconds) / between


def _colours(frames: Tensor) -> Tensor:
    height, width = frames.shape[1:3]
    # rows, columns: hair, forehead, shirt, background
    places = ((0.16, 0.5), (0.36, 0.5), (0.95, 0.5), (0.1, 0.1))
    patches = [
        frames[:, int(y * height) - 2 : int(y * height) + 3, int(x * width) - 3 : int(x * width) + 4]
        for y, x in places
    ]
    return torch.stack([rgb_to_lab(patch).flatten(0, 2).mean(0) for patch in patches])
