"""Frames of rendered people with the truth about them, kept in a folder: what `evaluation.reader` learns from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from ...files import atomic
from .geometry import Measured, measure
from .takes import Take

SIZE, FRAMES, FPS = 256, 28, 25.0  # pixels a side, frames of a take


def measured_takes(folder: Path, numbers: Iterable[int]) -> Iterator[Measured]:
    """Frames of the takes of these numbers; what the folder lacks is rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        file = folder / f"measured_{number:08d}.npz"
        if not file.exists():
            _write(file, _measured(number))
        with np.load(file) as kept:
            rest = (torch.from_numpy(kept[name]) for name in ("landmarks", "mouth", "groups", "eyes"))
            yield Measured(kept["frames"], *rest)


def _measured(number: int) -> Measured:
    take = Take.draw(number, FPS)
    count = min(FRAMES, len(take.performance))
    chosen = np.random.default_rng(number).choice(len(take.performance), count, replace=False)
    return measure(take, np.sort(chosen), SIZE, supersampling=1)


def _write(file: Path, measured: Measured) -> None:
    with atomic(file) as part, part.open("wb") as stream:
        np.savez(
            stream, frames=measured.frames, landmarks=measured.landmarks.numpy(), mouth=measured.mouth.numpy(),
            groups=measured.groups.numpy(), eyes=measured.eyes.numpy(),
        )  # fmt: skip
