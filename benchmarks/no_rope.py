"""The ablation of Table 3: two models of the same short training, with and without 1D RoPE in the audio layers.

They are made by the demo's recipe with fewer steps, once with `rope: false`, in runs/with_rope and runs/without_rope.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from skyreels_core.model.checkpoint import load_model

from . import material
from .material import animated, bundle, example, median_interval, sync
from .record import Record

CLIPS, SECONDS, SEEDS = 4, 1.32, 3
RUNS = Path("runs")


def run(record: Record) -> None:
    generator = np.random.default_rng(0)
    whole = bundle()
    for name in ("with_rope", "without_rope"):
        model, adapter, _ = load_model(RUNS / name / "bundle" / "model.safetensors")
        material.bundle = lambda m=model, a=adapter: replace(whole, model=m, adapter=a)
        values = []
        for index in range(CLIPS):
            clip = example(index, SECONDS)
            values += [sync(animated(clip, seed=seed).frames, clip) for seed in range(SEEDS)]
        record[name] = {"median": np.median(values), "interval": median_interval(values, generator)}
    material.bundle = bundle
