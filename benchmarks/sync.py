"""Lip sync, picture and movement on unseen clips, for animation and editing."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from skyreels_core.evaluation.agreement import psnr
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet

from .material import Example, animated, edited, example, reconstructed, slope, sync
from .record import PICTURES, Record

CLIPS, SECONDS = 24, 1.96  # 49 frames: two windows


def run(record: Record) -> None:
    ceiling, quality = [], []
    scores: dict[str, list] = {"animation": [], "editing": []}
    slopes: dict[str, list] = {"animation": [], "editing": []}
    movement = {"eyes": [], "head": []}
    rows = []
    for index in range(CLIPS):
        clip = example(index, SECONDS)
        decoded = reconstructed(clip)
        ceiling.append(sync(decoded, clip.boxes, clip.curves))
        quality.append(psnr(decoded, clip.frames))
        for task, make in (("animation", animated), ("editing", edited)):
            made = make(clip).frames
            boxes = clip.boxes if task == "editing" else clip.boxes[:1]
            scores[task].append(sync(made, boxes, clip.curves))
            area = mouth_area(made, boxes).numpy()
            slopes[task].append(slope(area, mouth_area(clip.frames, clip.boxes).numpy()))
            if index < 4:
                rows.append(_row(task, made, boxes, clip))
            if task == "animation":
                for part, value in _movement(made, clip).items():
                    movement[part].append(value)
    record["vae_psnr_median"] = np.median(quality)
    record["vae_psnr_lowest"] = min(quality)
    record["ceiling_median"] = np.median(ceiling)
    for task, values in scores.items():
        record[f"{task}_median"], record[f"{task}_quartile"] = np.percentile(values, [50, 25])
        record[f"{task}_slope"] = np.median(slopes[task])
    for part, values in movement.items():
        record[f"movement_{part}"] = np.median(values)
    contact_sheet(PICTURES / "sync.png", rows)


def _row(task: str, made: Tensor, boxes: Tensor, clip: Example) -> Row:
    import torch

    curves = Curve("voice", torch.from_numpy(clip.curves.area)), Curve("mouth", mouth_area(made, boxes))
    return Row(task, made, SECONDS, curves)


def _movement(made: Tensor, clip: Example) -> dict[str, float]:
    """How much pixels vary over time, as a share of the drawn clip's: around the eyes, and outside eyes and mouth."""
    outside = (1 - clip.boxes.amax(0)) * (1 - clip.eyes)
    regions = {"eyes": clip.eyes, "head": outside}
    spread = {name: frames.std(0).mean(-1) for name, frames in (("made", made), ("drawn", clip.frames))}
    return {
        name: float((spread["made"] * m).sum() / (spread["drawn"] * m).sum()) for name, m in regions.items()
    }
