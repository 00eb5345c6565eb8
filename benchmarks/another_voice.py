"""An edited video with another voice: it follows the new one, forgets the old, and nothing else changes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skyreels_core.evaluation.agreement import correlation, psnr
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.media.compositing import FEATHER
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.reading import read_video
from skyreels_core.media.region import feather
from skyreels_core.media.writing import to_uint8, write_video

from .material import FPS, Example, driving, edited, example, mouth, size
from .record import PICTURES, Record

PAIRS, CANDIDATES, SECONDS = 8, 40, 1.96
SHOWN = 3  # pairs
# Correlation of two curves that count as independent.
LARGEST = 0.05


@dataclass(frozen=True)
class Dubbed:
    """A clip with the voice of another one."""

    clip: Example
    other: Example
    frames: Tensor  # [f h w 3]
    opening: np.ndarray  # of the mouth, [f]

    @classmethod
    def of(cls, clip: Example, other: Example) -> Dubbed:
        frames = edited(clip, other.voice).frames
        return cls(clip, other, frames, mouth(frames, clip, edited=True))

    def follows(self, clip: Example) -> float:
        return correlation(self.opening, driving(clip))

    def rows(self) -> list[Row]:
        voice = Curve("new voice", torch.from_numpy(driving(self.other)))
        return [
            Row("source", self.clip.frames, SECONDS),
            Row("edited", self.frames, SECONDS, (voice, Curve("mouth", torch.from_numpy(self.opening)))),
        ]


def run(record: Record) -> None:
    dubbed = [Dubbed.of(example(index, SECONDS), example(other, SECONDS)) for index, other in _pairs()]
    record["pairs"] = len(dubbed)
    record["new_median"] = np.median([one.follows(one.other) for one in dubbed])
    record["old_median"] = np.median([one.follows(one.clip) for one in dubbed])
    last, source = dubbed[-1].frames, dubbed[-1].clip.frames
    untouched = feather(dubbed[-1].clip.boxes, max(1, round(FEATHER * min(size())))) == 0
    record["exact_before_encoding"] = bool(torch.equal(last[untouched], source[untouched]))
    record.update(_files(last, source, untouched))
    contact_sheet(PICTURES / "another_voice.png", [row for one in dubbed[:SHOWN] for row in one.rows()])


def _pairs() -> list[tuple[int, int]]:
    """Clips whose driving curves have nothing to do with each other."""
    curves = {i: driving(example(i, SECONDS)) for i in range(CANDIDATES)}
    found: list[tuple[int, int]] = []
    for i in range(CANDIDATES):
        for j in range(CANDIDATES):
            used = {index for pair in found for index in pair}
            if i != j and not used & {i, j} and abs(correlation(curves[i], curves[j])) < LARGEST:
                found.append((i, j))
    return found[:PAIRS]


def _files(made: Tensor, source: Tensor, untouched: Tensor) -> dict[str, float | bool]:
    """What survives in the file where nothing was regenerated.

    H.264's 4:2:0 halves the resolution of colour, which at 96 pixels costs more than the codec: luma is told apart.
    """
    luma = torch.tensor([0.299, 0.587, 0.114])
    with tempfile.TemporaryDirectory() as folder:
        exact, lossy = Path(folder) / "exact.mkv", Path(folder) / "lossy.mp4"
        write_video(exact, made, FPS, encoding=Encoding(lossless=True))
        write_video(lossy, made, FPS)
        kept, coded, original = (
            read_video(exact).frames[untouched],
            read_video(lossy).frames[untouched],
            source[untouched],
        )
    return {
        "exact_lossless": torch.equal(to_uint8(kept), to_uint8(original)),
        "h264_luma": psnr(coded @ luma, original @ luma),
        "h264_rgb": psnr(coded, original),
    }
