"""Two people in a video that is edited: the box of one who is silent is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from ...audio.gate import gate
from ...media.footage import Reader
from ...media.region import Region
from ...timeline import SAMPLE_RATE, Timeline

BEFORE_AFTER = 0.2  # seconds in which the mouth opens before a sound, and closes after it


def frames_spoken(samples: Tensor, start: float, timeline: Timeline) -> Tensor:
    """Whether somebody speaks in each frame, bool [f]: samples [n] at 16 kHz that begin `start` seconds into the
    video. Pauses of 0.3 s and more are silence, but for 0.2 s on either side."""
    begun = round(start * SAMPLE_RATE)
    placed = torch.zeros(max(timeline.sample_count(SAMPLE_RATE), begun + len(samples)))
    placed[begun : begun + len(samples)] = gate(samples, SAMPLE_RATE)[0]
    cuts = [round(frame * SAMPLE_RATE / timeline.fps) for frame in range(1, timeline.frames + 1)]
    heard = torch.stack([part.any() for part in placed.tensor_split(cuts)[:-1]])
    reach = round(BEFORE_AFTER * timeline.fps)
    return max_pool1d(heard.float()[None], 2 * reach + 1, stride=1, padding=reach)[0] > 0


@dataclass(frozen=True, eq=False)
class SpokenRegion:
    """The part of a region that belongs to those who speak, frame by frame."""

    region: Region
    boxes: tuple[Region, ...]  # of each speaker, of the region's size
    speaks: tuple[Tensor, ...]  # of each speaker, bool [f]

    @property
    def size(self) -> tuple[int, int]:
        return self.region.size

    def __len__(self) -> int:
        return len(self.speaks[0])

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        whole, *boxes = (Reader(region) for region in (self.region, *self.boxes))
        for index in range(first, len(self)):
            shown = [box(index) for box, speaks in zip(boxes, self.speaks, strict=True) if speaks[index]]
            mask = whole(index)
            yield mask * torch.stack(shown).amax(0) if shown else torch.zeros_like(mask)
