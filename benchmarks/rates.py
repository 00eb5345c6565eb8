"""Footage of other frame rates, pinned, with another voice: the outside stays, the rate stays, the mouth follows."""

from __future__ import annotations

import os
import random
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.faces import Identity, Motion, draw_face
from skyreels_core.demo.unseen import SIZE
from skyreels_core.media.compositing import FEATHER
from skyreels_core.media.reading import Video
from skyreels_core.media.region import feather
from skyreels_core.pipeline.edit import edit

from .material import (
    FPS,
    SEED,
    bundle,
    correlation,
    driving,
    median_interval,
    mouth,
    of_people,
    shipped,
    size,
)
from .pinned import Pair
from .record import Record
from .sync import SECONDS

CLIPS = 12
RATES = (25.0, 24000 / 1001, 30000 / 1001, 60.0)


def measured(pair: Pair, index: int, fps: float, method: str = "pinned") -> dict[str, float]:
    """A clip with the other's voice: the same movement of the head, drawn at another rate."""
    frames = int(len(pair.clip.voice.samples[0]) / 16000 * fps)
    shown, landmarks = (_filmed if of_people() else _drawn)(pair, index, frames, fps)
    boxes = face_masks(Keypoints.of_one_face(landmarks, *shown.shape[2:0:-1]), fps).boxes
    clip = replace(pair.clip, frames=shown, boxes=boxes, landmarks=landmarks)
    settings = shipped().override(method=method)
    source = Video(shown, fps, pair.clip.voice)
    result = edit(bundle(), source, pair.other.voice, boxes, pair.clip.caption, settings=settings)
    made = result.tensor()
    untouched = feather(boxes[: len(made)], max(1, round(FEATHER * min(size())))) == 0
    return {
        "new": correlation(mouth(made, clip, edited=True), driving(pair.other, frames, fps)[: len(made)]),
        "exact": torch.equal(made[untouched], shown[: len(made)][untouched]),
        "kept": result.fps == fps and len(made) == frames,
    }


def _drawn(pair: Pair, index: int, frames: int, fps: float) -> tuple[Tensor, Tensor]:
    """Frames and landmarks."""
    own = mouth_curves(pair.clip.voice.samples[0], frames, fps)
    motion = _motion(pair, index, frames, fps)
    face = draw_face(Identity.draw(random.Random(f"unseen face {index}")), motion, own, SIZE)
    return face.frames, face.landmarks


def _filmed(pair: Pair, index: int, frames: int, fps: float) -> tuple[Tensor, Tensor]:
    from .rendered_people import at_rate, filmed, take

    one = take(index, SECONDS)
    return filmed(one, at_rate(one.performance, frames, fps), size())


def _motion(pair: Pair, index: int, frames: int, fps: float) -> Motion:
    """As the clip at 25 fps moves, between its frames."""
    drawn = Motion.draw(np.random.default_rng([SEED, index]), pair.clip.curves, FPS)
    known = (np.arange(len(drawn.dx)) + 0.5) / FPS
    wanted = (np.arange(frames) + 0.5) / fps
    values = (np.interp(wanted, known, getattr(drawn, field.name).numpy()) for field in fields(drawn))
    return Motion(*(torch.from_numpy(value).float() for value in values))


def run(record: Record) -> None:
    clips, draws = int(os.environ.get("CLIPS", CLIPS)), np.random.default_rng(0)
    found = {fps: [measured(Pair.of(index), index, fps) for index in range(clips)] for fps in RATES}
    record["clips"] = clips
    for fps, rows in found.items():
        apart = [row["new"] - at_25["new"] for row, at_25 in zip(rows, found[25.0], strict=True)]
        record[f"{fps:.5g}"] = {
            "new": np.median([row["new"] for row in rows]),
            "apart": {"median": np.median(apart), "interval": median_interval(apart, draws)},
            "exact": all(row["exact"] for row in rows),
            "kept": all(row["kept"] for row in rows),
        }
