"""Lip sync, closures, eyes and visemes on unseen rendered people: `sync` for a model that learned from them.

The takes are those of `python -m tools.train_people render --output runs/people`; `runs/people/held_out` is measured.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skyreels_core.conditioning.faces import face_masks
from skyreels_core.conditioning.pose import Keypoints
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.people.articulation import groups_of
from skyreels_core.demo.people.shards import Shard, Shards
from skyreels_core.demo.rendered import View
from skyreels_core.evaluation.agreement import psnr
from skyreels_core.evaluation.edges import edge_jump
from skyreels_core.evaluation.reader import Reader, Seen
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.evaluation.talking import compare, summary
from skyreels_core.media.sound import Audio

from .material import FPS, Example, animated, edited, reconstructed, shipped
from .record import PICTURES, Record

TAKES = Path(os.environ.get("PEOPLE_TAKES", "runs/people/held_out"))
CLIPS, FRAMES = 24, 49  # two windows
TASKS = {"animation": animated, "editing": edited}


def run(record: Record) -> None:
    reader, quality, ceilings, jumps, rows = Reader.load(), [], [], [], []
    talkings: dict[str, list] = {task: [] for task in TASKS}
    for shard in Shards(TAKES).now()[:CLIPS]:
        clip, landmarks, groups = example(shard)
        rendered, decoded = reader.read(clip.frames, landmarks), reconstructed(clip)
        quality.append(psnr(decoded, clip.frames))
        ceilings.append(compare(reader.read(decoded, landmarks), rendered, groups))
        for task, make in TASKS.items():
            made = make(clip).frames
            seen = reader.read(made, landmarks if task == "editing" else landmarks[:1])
            talkings[task].append(compare(seen, rendered, groups))
            if task == "editing":
                jumps.append(edge_jump(made, clip.frames, clip.boxes))
            if len(rows) < 8:
                rows.append(_row(task, made, seen, rendered))
    record["vae_psnr_median"], record["vae_psnr_lowest"] = np.median(quality), min(quality)
    for name, found in {"ceiling": ceilings, **talkings}.items():
        record[name] = summary(found)
    record["edge_jump"] = np.median(jumps)
    contact_sheet(PICTURES / "people_sync.png", rows)


def example(shard: Shard) -> tuple[Example, Tensor, np.ndarray]:
    """The first frames of a take at the model's size, with their landmarks and what is said in each."""
    settings = shipped()
    size, count = (settings.height, settings.width), min(FRAMES, len(shard))
    pictures = shard.frames
    view = View.whole(pictures.shape[1:3], size)
    landmarks = view.places(shard.landmarks[:count])
    samples = shard.samples[: round(count / FPS * 16000)]
    boxes = face_masks(Keypoints.of_one_face(landmarks, size[1], size[0]), FPS).boxes
    clip = Example(
        shard.caption, view.of(pictures[:count]), boxes, torch.zeros(size), Audio(samples[None], 16000),
        mouth_curves(samples, count, FPS),
    )  # fmt: skip
    return clip, landmarks, groups_of(shard.visemes[:count])


def _row(task: str, made: Tensor, seen: Seen, rendered: Seen) -> Row:
    frames = len(made)
    curves = (Curve("rendered", rendered.opening[:frames]), Curve("generated", seen.opening))
    return Row(task, made, frames / FPS, curves)
