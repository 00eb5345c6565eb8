"""Parts of a video that were edited in boxes come back, and are measured where they lie."""

from __future__ import annotations

import numpy as np
import torch

from skyreels_core.media.cropping import CropPath
from skyreels_core.media.footage import InMemoryFrames
from skyreels_core.pipeline.put_back import Part, PutBack
from skyreels_core.windows import WindowPlan

SOURCE = torch.rand(20, 40, 40, 3, generator=torch.Generator().manual_seed(1))
PATH = CropPath(np.array([[8, 8]]), (16, 16), (16, 16))


def measured(parts, source=SOURCE, fps=60.0):
    """What continuity was found once all frames were read."""
    meters = []
    masks = InMemoryFrames(torch.ones(1, 40, 40))
    frames = list(PutBack(InMemoryFrames(source), masks, len(source), fps, parts).stream(meters.append))
    assert len(frames) == len(source)
    return meters[0].result()


def made(length, ended=None):
    yield from torch.rand(length, 16, 16, 3)
    if ended is not None:
        ended.append(length)


def test_a_part_made_at_another_rate_is_measured_at_its_own_frames_of_the_video():
    source = SOURCE.repeat(4, 1, 1, 1)  # of 80 frames the parts cover 10..69 and 75..79
    parts = [Part(10, 60, PATH, None, lambda: made(60)), Part(75, 5, PATH, None, lambda: made(5))]
    found = measured(parts, source)
    assert [(window.start * 60, window.end * 60) for window in found.windows] == [(10, 70), (75, 80)]
    assert found.joins == ()


def test_windows_and_joins_end_where_the_part_does():
    """Latent frames 0..1 and 1..2, frames 0..4 and 1..8, of which the video has seven from its fourth on."""
    plan = WindowPlan.plan(3, 2, 1)
    found = measured([Part(4, 7, PATH, plan, lambda: made(9))], fps=25.0)
    spans = [(round(window.start * 25), round(window.end * 25)) for window in found.windows]
    assert spans[0][0] == 4 and spans[-1][1] == 11
    assert found.joins and all(4 < join.seconds * 25 < 11 for join in found.joins)


def test_what_a_part_does_after_its_last_frame_is_done():
    ended = []
    measured(
        [Part(0, 5, PATH, None, lambda: made(5, ended)), Part(15, 5, PATH, None, lambda: made(5, ended))]
    )
    assert ended == [5, 5]
