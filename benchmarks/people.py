"""Lip sync, closures, eyes and visemes on unseen rendered people: `sync` for a model that learned from them."""

from __future__ import annotations

from typing import cast

import numpy as np
from torch import Tensor

from skyreels_core.evaluation.agreement import psnr
from skyreels_core.evaluation.edges import edge_jump
from skyreels_core.evaluation.reader import Seen
from skyreels_core.evaluation.sheets import Curve, Row, contact_sheet
from skyreels_core.evaluation.talking import compare, summary

from .material import FPS, animated, edited, movement, reader, reconstructed, rendered_example, size, slope
from .record import PICTURES, Record

CLIPS, SECONDS = 24, 1.96  # 49 frames: two windows
TASKS = {"animation": animated, "editing": edited}


def run(record: Record) -> None:
    quality, ceilings, jumps, rows = [], [], [], []
    talkings: dict[str, list] = {task: [] for task in TASKS}
    slopes, moved = {task: [] for task in TASKS}, {"eyes": [], "head": []}
    for index in range(CLIPS):
        clip = rendered_example(index, SECONDS)
        landmarks, rendered, groups = cast(Tensor, clip.landmarks), clip.seen, clip.groups
        decoded = reconstructed(clip)
        quality.append(psnr(decoded, clip.frames))
        ceilings.append(compare(reader().read(decoded, landmarks), rendered, groups))
        for task, make in TASKS.items():
            made = make(clip).frames
            seen = reader().read(made, landmarks if task == "editing" else landmarks[:1])
            talkings[task].append(compare(seen, rendered, groups))
            slopes[task].append(slope(seen.opening.numpy(), rendered.opening[: len(made)].numpy()))
            if task == "animation":
                for part, share in movement(made, clip).items():
                    moved[part].append(share)
            if task == "editing":
                jumps.append(edge_jump(made, clip.frames, clip.boxes))
            if len(rows) < 8:
                rows.append(_row(task, made, seen, rendered))
    record["vae_psnr_median"], record["vae_psnr_lowest"] = np.median(quality), min(quality)
    for name, found in {"ceiling": ceilings, **talkings}.items():
        record[name] = summary(found)
    for task, values in slopes.items():
        record[task]["slope"] = np.median(values)
    for part, values in moved.items():
        record[f"movement_{part}"] = np.median(values)
    record["height"], record["width"] = size()
    record["edge_jump"] = np.median(jumps)
    contact_sheet(PICTURES / "people_sync.png", rows)


def _row(task: str, made: Tensor, seen: Seen, rendered: Seen) -> Row:
    frames = len(made)
    curves = (Curve("rendered", rendered.opening[:frames]), Curve("generated", seen.opening))
    return Row(task, made, frames / FPS, curves)
