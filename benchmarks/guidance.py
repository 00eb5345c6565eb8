"""Table 3 of the paper in small: lip sync over the audio guidance scale, and without audio RoPE."""

from __future__ import annotations

import numpy as np

from .material import animated, example, median_interval, sync
from .record import Record

CLIPS, SECONDS, SEEDS = 5, 1.32, 3  # one window each
SCALES = (1.0, 3.0, 4.5)


def run(record: Record) -> None:
    generator = np.random.default_rng(0)
    for scale in SCALES:
        values = []
        for index in range(CLIPS):
            clip = example(index, SECONDS)
            for seed in range(SEEDS):
                made = animated(clip, seed=seed, audio_guidance=str(scale)).frames
                values.append(sync(made, clip))
        record[f"audio_{scale:g}"] = {
            "median": np.median(values),
            "interval": median_interval(values, generator),
        }
