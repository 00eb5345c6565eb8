"""APG against plain guidance at the shipped and at high audio guidance: sync, over-open mouths, drift of colour."""

from __future__ import annotations

import numpy as np

from skyreels_core.media.colour import rgb_to_lab
from skyreels_core.sampling.denoise import Denoiser

from .material import example, median_interval, mouth, slope, sync
from .record import Record
from .variants import Projected, ProjectedGuidance, animated_as

CLIPS, SECONDS = 6, 1.96
SCALES = (3.0, 6.0, 9.0)
WAYS = {"plain": Denoiser, "APG": ProjectedGuidance, "orthogonal part alone": Projected}


def run(record: Record) -> None:
    generator = np.random.default_rng(0)
    record["rows"] = [
        {"scale": scale, "way": name, **_measured(scale, denoiser, generator)}
        for scale in SCALES
        for name, denoiser in WAYS.items()
    ]


def _measured(scale: float, denoiser: type[Denoiser], generator: np.random.Generator) -> dict:
    found: dict[str, list[float]] = {"sync": [], "amplitude": [], "colour": []}
    for index in range(CLIPS):
        clip = example(index, SECONDS)
        frames = animated_as(clip, denoiser=denoiser, audio_guidance=str(scale), colour_strength=0.0)
        own = mouth(clip.frames, clip, edited=True)
        found["sync"].append(sync(frames, clip))
        found["amplitude"].append(slope(mouth(frames, clip), own))
        outside = (1 - clip.boxes[0]) > 0.5
        first, last = (
            rgb_to_lab(frames[part])[:, outside].mean((0, 1)) for part in (slice(5), slice(-5, None))
        )
        found["colour"].append(float((last - first).norm()))
    return {
        name: {"median": float(np.median(values)), "interval": median_interval(values, generator)}
        for name, values in found.items()
    }
