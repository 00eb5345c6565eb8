"""Lip sync, picture and movement on unseen clips, for animation and editing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skyreels_core.evaluation.agreement import correlation, psnr
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet

from .material import Example, animated, driving, edited, example, mouth, movement, reconstructed, slope, sync
from .record import PICTURES, Record

CLIPS, SECONDS = 24, 1.96  # 49 frames: two windows


def run(record: Record) -> None:
    ceiling, quality = [], []
    scores: dict[str, list] = {"animation": [], "editing": []}
    slopes: dict[str, list] = {"animation": [], "editing": []}
    moved = {"eyes": [], "head": []}
    rows = []
    for index in range(CLIPS):
        clip = example(index, SECONDS)
        decoded = reconstructed(clip)
        ceiling.append(sync(decoded, clip, edited=True))
        quality.append(psnr(decoded, clip.frames))
        for task, make in (("animation", animated), ("editing", edited)):
            made = make(clip).frames
            opening = mouth(made, clip, edited=task == "editing")
            scores[task].append(correlation(opening, driving(clip)[: len(made)]))
            slopes[task].append(slope(opening, mouth(clip.frames, clip, edited=True)))
            if index < 4:
                rows.append(_row(task, made, opening, clip))
            if task == "animation":
                for part, value in movement(made, clip).items():
                    moved[part].append(value)
    record["vae_psnr_median"] = np.median(quality)
    record["vae_psnr_lowest"] = min(quality)
    record["ceiling_median"] = np.median(ceiling)
    for task, values in scores.items():
        record[f"{task}_median"], record[f"{task}_quartile"] = np.percentile(values, [50, 25])
        record[f"{task}_slope"] = np.median(slopes[task])
    for part, values in moved.items():
        record[f"movement_{part}"] = np.median(values)
    contact_sheet(PICTURES / "sync.png", rows)


def _row(task: str, made: Tensor, opening: np.ndarray, clip: Example) -> Row:
    curves = (Curve(name, torch.from_numpy(v)) for name, v in (("voice", driving(clip)), ("mouth", opening)))
    return Row(task, made, SECONDS, tuple(curves))
