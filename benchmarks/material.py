"""Faces, voices and sentences that training never met, and what is measured on them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.demo.curves import MouthCurves
from skyreels_core.demo.unseen import FPS, SEED, Example, drawn
from skyreels_core.demo.voices import recording
from skyreels_core.evaluation.agreement import correlation
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.evaluation.seams import seam
from skyreels_core.media.reading import Video
from skyreels_core.media.sound import Audio
from skyreels_core.model.bundle import Bundle, load_bundle
from skyreels_core.pipeline.animate import animate
from skyreels_core.pipeline.edit import edit
from skyreels_core.pipeline.result import Report
from skyreels_core.run.settings import Settings

MODEL = assets.model()  # the bundle that is measured


@dataclass(frozen=True)
class Made:
    frames: Tensor
    report: Report


@functools.lru_cache(maxsize=64)
def example(index: int, seconds: float) -> Example:
    samples = recording(SEED + index, seconds, unseen=True)
    return drawn(index, samples)


@functools.lru_cache(maxsize=1)
def bundle() -> Bundle:
    return load_bundle(MODEL)


def shipped() -> Settings:
    return Settings.of(bundle().metadata)


def animated(clip: Example, voice: Audio | None = None, **settings) -> Made:
    """The clip's first frame speaking, with the shipped settings but for `settings`."""
    chosen = shipped().override(**settings)
    result = animate(bundle(), voice or clip.voice, clip.frames[0], clip.caption, settings=chosen)
    return Made(result.tensor(), result.report)


def edited(clip: Example, voice: Audio | None = None, **settings) -> Made:
    """The clip with its mouth regenerated."""
    source, chosen = Video(clip.frames, FPS, clip.voice), shipped().override(**settings)
    result = edit(bundle(), source, voice or clip.voice, clip.boxes, clip.caption, settings=chosen)
    return Made(result.tensor(), result.report)


def reconstructed(clip: Example) -> Tensor:
    """The drawn frames through the VAE and back: no model on top of it can be better."""
    vae, frames = bundle().vae, clip.frames
    padded = torch.cat([frames, frames[-1:].expand(-len(frames) % 4 + 1, -1, -1, -1)])[
        : 1 + 4 * -(-(len(frames) - 1) // 4)
    ]
    video = padded.permute(3, 0, 1, 2)[None] * 2 - 1
    return (vae.decode(vae.encode(video))[0].permute(1, 2, 3, 0)[: len(frames)] + 1) / 2


def sync(frames: Tensor, boxes: Tensor, curves: MouthCurves) -> float:
    """Pearson's r at lag 0 of the measured mouth area and the curve that drives it."""
    return correlation(mouth_area(frames, boxes).numpy(), curves.area[: len(frames)])


def slope(measured: np.ndarray, drawn: np.ndarray) -> float:
    """How far the mouth moves for each unit that the drawn mouth moves."""
    return float(np.polyfit(drawn, measured, 1)[0])


def measured_seams(changes: Sequence[float], joins: Iterable[int], fps: float) -> list[float]:
    """In usual changes; a join where nothing could be measured has none."""
    return [found for join in joins if (found := seam(changes, join, fps)) is not None]


def median_interval(values: list[float], generator: np.random.Generator) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    draws = np.median(generator.choice(values, (2000, len(values))), axis=1)
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))
