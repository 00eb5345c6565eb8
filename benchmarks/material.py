"""Faces, voices and sentences that training never met, and what is measured on them.

They are of the kind that the measured model learned from: drawn faces, or rendered people.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skyreels_core import assets
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.unseen import FPS, SEED, Example, drawn
from skyreels_core.demo.voices import recording
from skyreels_core.evaluation.agreement import correlation
from skyreels_core.evaluation.mouth import mouth_area
from skyreels_core.evaluation.reader import Reader, Seen
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


def of_people() -> bool:
    """Whether the measured model learned from rendered people."""
    return bundle().metadata.get("learned_from") == "people"


@dataclass(frozen=True, kw_only=True)
class Person(Example):
    """A rendered clip, and what the reader sees of its mouth."""

    seen: Seen
    groups: NDArray[np.int64]  # of visemes, per frame


@functools.lru_cache(maxsize=1)
def reader() -> Reader:
    return Reader.load()


@functools.lru_cache(maxsize=64)
def example(index: int, seconds: float) -> Example:
    return rendered_example(index, seconds) if of_people() else drawn_example(index, seconds)


def drawn_example(index: int, seconds: float) -> Example:
    return drawn(index, recording(SEED + index, seconds, unseen=True))


def rendered_example(index: int, seconds: float) -> Person:
    from .rendered_people import person  # a model of drawn faces is measured without what renders

    return person(index, seconds, size())


@functools.lru_cache(maxsize=1)
def bundle() -> Bundle:
    return load_bundle(MODEL)


def model_words() -> list[str | Path]:
    """What names the measured model in a command."""
    return [] if assets.model() == MODEL else ["--model", MODEL]


def shipped() -> Settings:
    return Settings.of(bundle().metadata)


def size() -> tuple[int, int]:
    """Height and width of what the model generates."""
    return shipped().height, shipped().width


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
    """The clip's own frames through the VAE and back: no model on top of it can be better."""
    vae, frames = bundle().vae, clip.frames
    padded = torch.cat([frames, frames[-1:].expand(-len(frames) % 4 + 1, -1, -1, -1)])[
        : 1 + 4 * -(-(len(frames) - 1) // 4)
    ]
    video = padded.permute(3, 0, 1, 2)[None] * 2 - 1
    return (vae.decode(vae.encode(video))[0].permute(1, 2, 3, 0)[: len(frames)] + 1) / 2


def sync(frames: Tensor, clip: Example, edited: bool = False) -> float:
    """Pearson's r at lag 0 of the measured mouth and what drives it."""
    return correlation(mouth(frames, clip, edited), driving(clip)[: len(frames)])


def mouth(frames: Tensor, clip: Example, edited: bool = False) -> np.ndarray:
    """How far the mouth is open in each frame [f], generated from the clip's first frame, or edited in its video."""
    shown = slice(len(frames)) if edited else slice(1)
    if isinstance(clip, Person):
        assert clip.landmarks is not None  # a person has them
        return reader().read(frames, clip.landmarks[shown]).opening.numpy()
    return mouth_area(frames, clip.boxes[shown]).numpy()


def driving(clip: Example, frames: int | None = None, fps: float = FPS) -> np.ndarray:
    """What the mouth is to follow [f]: the curve of a drawn one, or what a rendered one shows."""
    if isinstance(clip, Person):
        known = clip.seen.opening.numpy()
        instants = (np.arange(frames or len(known)) + 0.5) / fps
        return np.interp(instants, (np.arange(len(known)) + 0.5) / FPS, known)
    if frames is None:
        return clip.curves.area
    return mouth_curves(clip.voice.samples[0], frames, fps).area


def shut(clip: Example) -> np.ndarray:
    """Whether the clip's own mouth is shut, bool [f]."""
    return (driving(clip) if isinstance(clip, Person) else clip.curves.opening) < 0.02


def slope(measured: np.ndarray, own: np.ndarray) -> float:
    """How far the mouth moves for each unit that the clip's own mouth moves."""
    return float(np.polyfit(own, measured, 1)[0])


def movement(made: Tensor, clip: Example) -> dict[str, float]:
    """How much pixels vary over time, as a share of the clip's own: around the eyes, and outside eyes and mouth."""
    outside = (1 - clip.boxes.amax(0)) * (1 - clip.eyes)
    spreads = [frames.std(0).mean(-1) for frames in (made, clip.frames)]
    shares = {}
    for name, region in {"eyes": clip.eyes, "head": outside}.items():
        ours, own = (float((spread * region).sum()) for spread in spreads)
        shares[name] = ours / own
    return shares


def measured_seams(changes: Sequence[float], joins: Iterable[int], fps: float) -> list[float]:
    """In usual changes; a join where nothing could be measured has none."""
    return [found for join in joins if (found := seam(changes, join, fps)) is not None]


def median_interval(values: list[float], generator: np.random.Generator) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    draws = np.median(generator.choice(values, (2000, len(values))), axis=1)
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))
