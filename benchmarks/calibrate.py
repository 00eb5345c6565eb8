"""TeaCache's polynomial for the demo model, from recorded runs: `python -m benchmarks.calibrate [degree]`.

Its output goes into `sampling: cache_coefficients` of the recipe, and so into the model file.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from skyreels_core.pipeline import evaluator
from skyreels_core.pipeline.sampler import time_embedding
from skyreels_core.sampling.cache import relative_changes
from skyreels_core.sampling.schedule import TIMESTEPS, flow_sigmas

from .material import animated, bundle, example, shipped

CLIPS, SECONDS = 3, 1.32


def main(degree: int) -> None:
    settings = shipped()
    embedding = time_embedding(bundle().model)
    sigmas = flow_sigmas(settings.steps, settings.shift)[:-1]
    moved = relative_changes([embedding(float(TIMESTEPS * sigma)) for sigma in sigmas])
    changes = np.mean([relative_changes(_velocities(index)) for index in range(CLIPS)], axis=0)
    for step, (before, after) in enumerate(zip(moved, changes, strict=True), start=1):
        sys.stdout.write(f"step {step}: embedding {before:.4f}, velocity {after:.4f}\n")
    coefficients = np.polyfit(moved, changes, degree)
    sys.stdout.write(f"cache_coefficients: [{', '.join(f'{c:.6g}' for c in coefficients)}]\n")


def _velocities(index: int) -> list[torch.Tensor]:
    """What the full branch predicts at each step of one run."""
    recorded: list[torch.Tensor] = []
    whole = evaluator.CoreEvaluator.velocity

    def record(self, unit, x, sigma):
        velocity = whole(self, unit, x, sigma)
        if unit.branch == "full":
            recorded.append(velocity)
        return velocity

    evaluator.CoreEvaluator.velocity = record
    try:
        animated(example(index, SECONDS), cache_threshold=0)
    finally:
        evaluator.CoreEvaluator.velocity = whole
    return recorded


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
