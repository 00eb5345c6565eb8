"""Latents of a whole video on the disk, of which a few frames are read at a time: they grow with its length."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class SpilledLatents:
    """float32 [1 c t h w] in a file that has no name and goes with this object. What is read is on the CPU."""

    def __init__(self, latents: Tensor, folder: Path) -> None:
        self.shape = latents.shape
        # the name, where a system needs one, is such as a run state clears away
        self.file = tempfile.TemporaryFile(dir=folder, prefix=".tmp")  # noqa: SIM115
        for frame in latents[0].movedim(1, 0):
            self.file.write(frame.float().cpu().contiguous().numpy().data)
        self.file.flush()

    def __getitem__(self, part: tuple[slice, slice, slice]) -> Tensor:
        """latents[:, :, first:last]."""
        first, last, _ = part[2].indices(self.shape[2])
        _, channels, _, *sides = self.shape
        count = channels * math.prod(sides)
        held = np.empty((last - first) * count, np.float32)
        self.file.seek(first * count * held.itemsize)
        self.file.readinto(held.data)
        return torch.from_numpy(held).view(last - first, channels, *sides).movedim(0, 1)[None].contiguous()

    def split(self, frames: int, dim: int) -> Iterator[Tensor]:
        """As a tensor's along its time (`dim` 2), one after the other."""
        for first in range(0, self.shape[dim], frames):
            yield self[:, :, first : first + frames]
