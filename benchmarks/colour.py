"""Colour unification against per-frame LAB transfer on a drift that is known, with something dark entering."""

from __future__ import annotations

import torch
from torch import Tensor

from skyreels_core.evaluation.sheets import Row, contact_sheet
from skyreels_core.media.colour import flicker, lab_to_rgb, mean_lab, rgb_to_lab, unify_clip

from .material import FPS, example, size
from .record import PICTURES, Record

SECONDS = 8.0


def run(record: Record) -> None:
    clean = example(0, SECONDS).frames
    intruder = _intruder(len(clean))
    drifted = torch.where(intruder[..., None], 0.05, _drift(clean))
    results = {
        "as_it_came": drifted,
        "unified": unify_clip(drifted, clean[0], FPS).frames,
        "per_frame": _transfer(drifted, clean[0]),
    }
    edge = torch.zeros_like(clean[..., 0])
    edge[:, :, : size()[1] // 8] = 1
    for name, frames in results.items():
        record[f"{name}_error"] = float((frames - clean).abs()[~intruder].mean())
        record[f"{name}_flicker"] = float(flicker(mean_lab(frames, edge), mean_lab(clean, edge)).mean())
    rows = [
        Row(name.replace("_", " "), frames, SECONDS) for name, frames in {"clean": clean, **results}.items()
    ]
    contact_sheet(PICTURES / "colour.png", rows)


def _drift(frames: Tensor) -> Tensor:
    share = torch.linspace(0, 1, len(frames))[:, None, None]
    lightness, a, b = rgb_to_lab(frames).unbind(-1)
    return lab_to_rgb(torch.stack([lightness * (1 - 0.2 * share), a + 6 * share, b - 8 * share], -1))


def _intruder(frames: int) -> Tensor:
    x = torch.linspace(-2, 1, frames).clamp_min(0)[:, None, None]
    height, width = size()
    columns = torch.linspace(0, 1, width)
    return (columns > 1 - 0.3 * x).expand(frames, height, width)


def _transfer(frames: Tensor, reference: Tensor) -> Tensor:
    """The usual way: each frame's LAB mean and deviation made the reference's."""
    lab, goal = rgb_to_lab(frames), rgb_to_lab(reference)
    mean, deviation = lab.mean((1, 2), keepdim=True), lab.std((1, 2), keepdim=True)
    return lab_to_rgb((lab - mean) / deviation * goal.std((0, 1)) + goal.mean((0, 1)))
