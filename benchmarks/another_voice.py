"""An edited video with another voice: it follows the new one, forgets the old, and nothing else changes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from skyreels_core.demo.curves import mouth_curves
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.media.compositing import FEATHER
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.reading import read_video
from skyreels_core.media.region import feather
from skyreels_core.media.writing import to_uint8, write_video

from .material import FPS, SIZE, correlation, edited, example, psnr
from .record import PICTURES, Record

PAIRS, CANDIDATES, SECONDS = 8, 40, 1.96
# Correlation of two curves that count as independent.
LARGEST = 0.05


def run(record: Record) -> None:
    new, old, rows = [], [], []
    for index, other in _pairs():
        clip, voice = example(index, SECONDS), example(other, SECONDS)
        made = edited(clip, voice.voice).frames
        area = mouth_area(made, clip.boxes).numpy()
        new.append(correlation(area, voice.curves.area))
        old.append(correlation(area, clip.curves.area))
        if len(rows) < 6:
            curve = Curve("new voice", torch.from_numpy(voice.curves.area))
            rows += [
                Row("source", clip.frames, SECONDS),
                Row("edited", made, SECONDS, (curve, Curve("mouth", mouth_area(made, clip.boxes)))),
            ]
    record["pairs"] = len(new)
    record["new_median"], record["old_median"] = np.median(new), np.median(old)
    untouched = feather(clip.boxes, max(1, round(FEATHER * SIZE))) == 0
    record["exact_before_encoding"] = bool(torch.equal(made[untouched], clip.frames[untouched]))
    record.update(_files(made, clip.frames, untouched))
    contact_sheet(PICTURES / "another_voice.png", rows)


def _pairs() -> list[tuple[int, int]]:
    """Clips whose driving curves have nothing to do with each other."""
    frames = round(SECONDS * FPS)
    curves = {
        i: mouth_curves(example(i, SECONDS).voice.samples[0], frames, FPS).area for i in range(CANDIDATES)
    }
    found: list[tuple[int, int]] = []
    for i in range(CANDIDATES):
        for j in range(CANDIDATES):
            used = {index for pair in found for index in pair}
            if i != j and not used & {i, j} and abs(correlation(curves[i], curves[j])) < LARGEST:
                found.append((i, j))
    return found[:PAIRS]


def _files(made: torch.Tensor, source: torch.Tensor, untouched: torch.Tensor) -> dict[str, float | bool]:
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
