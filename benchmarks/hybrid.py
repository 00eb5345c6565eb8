"""Hybrid inference: sync and change outside the box over N, no target."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from skyreels_core.evaluation.agreement import psnr

from .material import edited, example, sync
from .record import PICTURES, Record

CLIPS, SECONDS = 3, 1.96
FRACTIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def run(record: Record) -> None:
    scores, outside = [], []
    for fraction in FRACTIONS:
        values = []
        for index in range(CLIPS):
            clip = example(index, SECONDS)
            made = edited(clip, composite=False, hybrid=fraction).frames
            hidden = clip.boxes == 0
            values.append((sync(made, clip, edited=True), psnr(made[hidden], clip.frames[hidden])))
        scores.append(np.median([v[0] for v in values]))
        outside.append(np.median([v[1] for v in values]))
    record["fractions"], record["sync"], record["outside_psnr"] = FRACTIONS, scores, outside
    _plot(scores, outside)


def _plot(scores: list[float], outside: list[float]) -> None:
    figure = Figure(figsize=(7, 3), layout="constrained")
    left = figure.subplots()
    left.plot(FRACTIONS, scores, "o-", color="#2f6fb0")
    left.set(xlabel="share of the steps that see the whole masked video (N)", ylabel="sync r")
    right = left.twinx()
    right.plot(FRACTIONS, outside, "s--", color="#d1495b")
    right.set_ylabel("outside the box, dB (before compositing)")
    figure.savefig(PICTURES / "hybrid.png", dpi=120)
