"""Training the network that reads mouths and eyes from pixels, on frames of rendered people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from ...evaluation.reader import EYES, MEASURES, CropReader, Reader, crops, eye_place, mouth_place
from ...training.loop import Losses, Run, Stage
from .geometry import Measured

SHIFT, ZOOM = 0.12, 0.08  # most that a crop is moved, in its sides, and resized
SIZES = 88, 256  # pixels a side at which a picture may have been made
BLUR = 0.9  # most, in pixels of such a picture
NOISE, LIGHT, CONTRAST = 0.02, 0.08, 0.15
GROUP_WEIGHT = 0.05  # of the viseme's cross-entropy
POWERS = torch.tensor([1.0, 1.0, 2.0, 0.0, 2.0])  # of MEASURES: how each grows with the picture


@dataclass(frozen=True, eq=False)
class Examples:
    """Crops larger than the network's, and what is true about them."""

    pictures: Tensor  # uint8 [n 3 s s]
    values: Tensor  # [n k]
    groups: Tensor  # [n], -1 for none
    pixels: float  # of a 256-pixel picture that one of a crop covers


def mouth_examples(measured: Sequence[Measured]) -> Examples:
    values = torch.cat([m.mouth for m in measured])
    return _examples(measured, [mouth_place(m.landmarks) for m in measured], values)


def eye_examples(measured: Sequence[Measured], eye: int) -> Examples:
    values = torch.cat([m.eyes[:, eye : eye + 1] for m in measured]).clamp(0, 1)
    return _examples(measured, [eye_place(m.landmarks, EYES[eye]) for m in measured], values)


def _examples(
    measured: Sequence[Measured], places: Sequence[tuple[Tensor, Tensor]], values: Tensor
) -> Examples:
    side, margin = 128, 1 + 2 * SHIFT + ZOOM
    seen, covered = [], []
    for m, (centres, sides) in zip(measured, places, strict=True):
        frames = torch.from_numpy(m.frames).float() / 255
        seen.append((crops(frames, centres, sides * margin, side) * 255).round().byte())
        covered.append(sides * margin / side)
    return Examples(
        torch.cat(seen), values, torch.cat([m.groups for m in measured]), float(torch.cat(covered).mean())
    )


def _drawn(examples: Examples, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Crops [b 3 48 48] of these rows as they might have been made: of any size, sharp or not, moved, lit, mirrored;
    and how much larger than the network is told each shows its part [b]."""
    b = len(rows)
    pictures = examples.pictures[rows].float() / 255
    uniform = torch.rand(6, b, generator=generator)
    size = SIZES[0] + (SIZES[1] - SIZES[0]) * float(torch.rand((), generator=generator))
    small = max(24, round(pictures.shape[-1] * examples.pixels * size / 256))
    pictures = F.interpolate(pictures, (small, small), mode="bilinear", antialias=True)
    pictures = _blurred(pictures, BLUR * float(torch.rand((), generator=generator)))
    farther = 1 + ZOOM * (2 * uniform[0] - 1)
    zoom = farther / (1 + 2 * SHIFT + ZOOM)
    mirrored = torch.where(uniform[1] < 0.5, -1.0, 1.0)
    shift = 2 * SHIFT * (2 * uniform[2:4] - 1) / (1 + 2 * SHIFT + ZOOM)
    turn = torch.zeros(b, 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = zoom * mirrored, zoom
    turn[:, 0, 2], turn[:, 1, 2] = shift
    grid = F.affine_grid(turn, [b, 3, 48, 48], align_corners=False)
    pictures = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    light, contrast = (
        x.view(-1, 1, 1, 1) for x in (LIGHT * (2 * uniform[4] - 1), 1 + CONTRAST * (2 * uniform[5] - 1))
    )
    noise = (
        NOISE * float(torch.rand((), generator=generator)) * torch.randn(pictures.shape, generator=generator)
    )
    return ((pictures - 0.5) * contrast + 0.5 + light + noise).clamp(0, 1), 1 / farther


def _blurred(pictures: Tensor, sigma: float) -> Tensor:
    if sigma < 0.2:
        return pictures
    x = torch.arange(-3, 4).float()
    kernel = torch.exp(-x.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(3, 1, 1, -1)
    pictures = F.conv2d(F.pad(pictures, (3, 3, 0, 0), mode="replicate"), kernel, groups=3)
    return F.conv2d(F.pad(pictures, (0, 0, 3, 3), mode="replicate"), kernel.transpose(2, 3), groups=3)


def train_reader(
    measured: Sequence[Measured], folder: Path, steps: int, batch: int = 64, seed: int = 0
) -> Reader:
    """Resumes what `folder` holds."""
    torch.manual_seed(seed)
    reader = Reader.empty()
    mouth, eyes = mouth_examples(measured), [eye_examples(measured, eye) for eye in range(2)]
    pictures, values, groups = (
        torch.cat([getattr(e, n) for e in eyes]) for n in ("pictures", "values", "groups")
    )
    eye = Examples(pictures, values, groups, eyes[0].pixels)
    _trained(reader.mouth, mouth, folder / "mouth", steps, batch, seed)
    _trained(reader.eye, eye, folder / "eye", steps // 2, batch, seed)
    return reader


def _trained(
    network: CropReader, examples: Examples, folder: Path, steps: int, batch: int, seed: int
) -> None:
    """Values are learned in their own deviations, which the last layer then takes over."""
    deviation, mean = examples.values.std(0).clamp_min(1e-3), examples.values.mean(0)
    run = Run(folder, network, Accelerator(cpu=True), seed)

    def step(model: nn.Module, generator: torch.Generator) -> Losses:
        rows = torch.randint(len(examples.values), (batch,), generator=generator)
        pictures, larger = _drawn(examples, rows, generator)
        said, count = model(pictures), len(mean)
        powers = POWERS if count > 1 else torch.zeros(1)
        wanted = (examples.values[rows] * larger[:, None] ** powers - mean) / deviation
        error = (said[:, :count] - wanted).square().mean()
        if said.shape[1] == count:
            return {"loss": error}
        none = torch.where(examples.groups < 0, said.shape[1] - count - 1, examples.groups)[rows]
        return {"loss": error + GROUP_WEIGHT * F.cross_entropy(said[:, count:], none), "error": error}

    stage = Stage("reader", steps, batch, 2e-3, warmup=50, final_lr=0.01, weight_decay=0.01, ema=0.99)
    run.stage(stage, network.parameters(), step)
    run.use_average()
    with torch.no_grad():
        layer = network.out
        count = len(mean)
        layer.weight[:count] *= deviation[:, None]
        layer.bias[:count] = layer.bias[:count] * deviation + mean
    network.eval().requires_grad_(False)


def correlations(reader: Reader, measured: Sequence[Measured], size: int) -> dict[str, float]:
    """Pearson's r of each measure to the truth, pictures resized to size x size; over all frames together."""
    seen = [read_at(reader, m, size) for m in measured]
    truth = torch.cat([m.mouth for m in measured])
    said = {name: torch.cat([getattr(s, name) for s in seen]).numpy() for name in MEASURES}
    figures = {name: float(np.corrcoef(said[name], truth[:, i])[0, 1]) for i, name in enumerate(MEASURES)}
    eyes, true_eyes = torch.cat([s.eyes for s in seen]), torch.cat([m.eyes for m in measured]).clamp(0, 1)
    figures["pupils"] = float(((eyes > 0.3) == (true_eyes > 0.3)).float().mean())
    return figures


def read_at(reader: Reader, measured: Measured, size: int):
    frames = torch.from_numpy(measured.frames).float().permute(0, 3, 1, 2) / 255
    scale = size / frames.shape[2]
    frames = F.interpolate(frames, (size, size), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
    return reader.read(frames, measured.landmarks * scale)
