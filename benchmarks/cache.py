"""TeaCache at the shipped number of steps: forwards saved, picture and sync kept."""

from __future__ import annotations

import numpy as np

from skyreels_core.evaluation.agreement import psnr

from .material import animated, example, shipped, sync
from .record import Record

CLIPS, SECONDS = 4, 1.96


def run(record: Record) -> None:
    shares, quality, change = [], [], []
    threshold = shipped().cache_threshold
    for index in range(CLIPS):
        clip = example(index, SECONDS)
        full, cached = animated(clip, cache_threshold=0), animated(clip, cache_threshold=threshold)
        shares.append(cached.report.computed / full.report.computed)
        quality.append(psnr(cached.frames, full.frames))
        change.append(
            sync(cached.frames, clip.boxes[:1], clip.curves) - sync(full.frames, clip.boxes[:1], clip.curves)
        )
    record["threshold"], record["forwards_share"] = threshold, np.median(shares)
    record["psnr_median"], record["psnr_lowest"] = np.median(quality), min(quality)
    record["sync_change_median"], record["sync_change_worst"] = np.median(change), min(change)
