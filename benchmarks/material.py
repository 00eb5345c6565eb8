"""Faces, voices and sentences that training never met, and what is measured on them."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.curves import MouthCurves, mouth_curves
from skyreels_core.demo.faces import Identity, Motion, draw_face
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
from skyreels_core.timeline import Timeline

# Far from the seeds of training.
SEED = 77_000
FPS, SIZE = 25.0, 96
MODEL = assets.model()  # the bundle that is measured


@dataclass(frozen=True)
class Example:
    """A drawn clip with its voice: what a perfect model would make of its first frame and the voice."""

    caption: str
    frames: Tensor  # [f h w 3]
    boxes: Tensor  # [f h w]
    eyes: Tensor  # [h w], around both eyes of the first frame
    voice: Audio
    curves: MouthCurves
    landmarks: Tensor | None = None  # [f 68 2], pixels


@dataclass(frozen=True)
class Made:
    frames: Tensor
    report: Report


@functools.lru_cache(maxsize=64)
def example(index: int, seconds: float) -> Example:
    samples = recording(SEED + index, seconds, unseen=True)
    return drawn(index, samples)


def drawn(index: int, samples: Tensor) -> Example:
    """Unseen face `index` with any voice [n] at 16 kHz."""
    timeline = Timeline.from_seconds(len(samples) / 16000, FPS)
    curves = mouth_curves(samples, timeline.frames, FPS)
    identity = Identity.draw(random.Random(f"unseen face {index}"))
    motion = Motion.draw(np.random.default_rng([SEED, index]), curves, FPS)
    face = draw_face(identity, motion, curves, SIZE)
    boxes = face_masks(Keypoints.of_one_face(face.landmarks, SIZE, SIZE), FPS).boxes
    eyes = torch.zeros(SIZE, SIZE)
    (left, top), (right, bottom) = (
        face.landmarks[0, 36:48].amin(0).int() - 3,
        face.landmarks[0, 36:48].amax(0).int() + 4,
    )
    eyes[top:bottom, left:right] = 1
    voice = Audio(samples[None], 16000)
    return Example(identity.caption, face.frames, boxes, eyes, voice, curves, face.landmarks)


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
