"""What a training leaves: the bundle, losses, sample videos and measures, as few small files."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import skyreels_core
from skyreels_core.demo.people.shards import Shard
from skyreels_core.demo.rendered import View
from skyreels_core.files import atomic
from skyreels_core.media.muxing import to_uint8

PARTS = ("model", "vae", "text_encoder", "whisper")
NETWORKS = ("autoencoder", "speech", "transformer")
SAMPLES, SAMPLE_FRAMES = 6, 49
COLUMNS = 10  # frames of a sample on the sheet
logger = logging.getLogger(__name__)


class Results:
    """A flat folder of eight files at most: four of the bundle, losses.csv, measures.json, samples.png and .webp."""

    def __init__(self, folder: Path, output: Path):
        self.folder, self.output, self.measures = folder, output, {}
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, **measures: Any) -> None:
        """Add measures to those on the disk."""
        self.measures |= {name: round(v, 4) if isinstance(v, float) else v for name, v in measures.items()}
        with atomic(self.folder / "measures.json") as part:
            part.write_text(json.dumps(self.measures, indent=1) + "\n")

    def collect(self, bundle: Path) -> None:
        """Copy the bundle and the losses as far as they are; without a whole VAE, the one that is being trained."""
        for name in PARTS:
            sketch = self.output / "autoencoder" / f"{name}.safetensors"  # of the VAE while it learns
            file = next((f for f in (bundle / sketch.name, sketch) if f.exists()), None)
            if file is not None:
                with atomic(self.folder / file.name) as part:
                    shutil.copyfile(file, part)
        rows = [row for network in NETWORKS for row in _losses(self.output / network / "losses.csv")]
        if rows:
            with atomic(self.folder / "losses.csv") as part, part.open("w", newline="") as stream:
                csv.writer(stream).writerows(rows)
        self.note(**{f"loss_{stage}": value for stage, value in _last(rows).items()})

    def show(self, held_out: Path, until: float | None) -> None:
        """Unseen people spoken by the model, until the time is over; what fails is noted, never raised."""
        try:
            shards = [Shard.read(path) for path in sorted(held_out.glob("take_*.npz"))][:SAMPLES]
            model = skyreels_core.load(self.output / "bundle")
            made = []
            for shard in shards:
                if until is not None and time.monotonic() > until and made:
                    break
                made.append(_sample(model, shard))
                self._write(made)
            self.note(
                samples=len(made), vae_psnr=float(np.median([_psnr(rows[0], rows[1]) for rows in made]))
            )
        except Exception:
            logger.exception("no samples")
            self.note(samples_failed=traceback.format_exc()[-600:])

    def _write(self, made: list[list[torch.Tensor]]) -> None:
        """samples.png: rendered, through the VAE, spoken; samples.webp: the spoken ones."""
        rows = []
        for clips in made:
            length = min(len(clip) for clip in clips)
            chosen = np.linspace(0, length - 1, COLUMNS).round().astype(int)
            rows += [torch.cat(list(clip[chosen]), dim=1) for clip in clips]
        with atomic(self.folder / "samples.png") as part:
            Image.fromarray(to_uint8(torch.cat(rows)).numpy()).save(part, format="PNG")
        spoken = [[clip[min(f, len(clip) - 1)] for _, _, clip in made] for f in range(SAMPLE_FRAMES)]
        frames = [to_uint8(torch.cat(row, dim=1)).numpy() for row in spoken]
        pictures = [Image.fromarray(frame) for frame in frames]
        with atomic(self.folder / "samples.webp") as part:
            pictures[0].save(
                part,
                format="WEBP",
                save_all=True,
                append_images=pictures[1:],
                duration=40,
                loop=0,
                quality=80,
            )


def _sample(model: skyreels_core.Model, shard: Shard) -> list[torch.Tensor]:
    """A take's first frames [f h w 3]: rendered, through the VAE, and its first picture speaking with its voice."""
    sampling = model.bundle.metadata["sampling"]
    size = sampling["height"], sampling["width"]
    count = min(SAMPLE_FRAMES, 1 + 4 * ((len(shard) - 1) // 4))
    frames = View.whole(shard.frames.shape[1:3], size).of(shard.frames[:count])
    vae = model.bundle.vae
    decoded = vae.decode(vae.encode(frames.permute(3, 0, 1, 2)[None] * 2 - 1))[0].permute(1, 2, 3, 0).cpu()
    voice = shard.samples[: round(count / sampling["fps"] * 16000)]
    with model.animate(frames[0], (voice[None], 16000), shard.caption) as video:
        spoken = torch.stack([frame.cpu() for frame in video])
    return [frames, (decoded + 1) / 2, spoken]


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean().clamp_min(1e-12)))


def _losses(table: Path) -> list[list[str]]:
    if not table.exists():
        return []
    with table.open(newline="") as file:
        return [[table.parent.name, *row] for row in csv.reader(file)]


def _last(rows: list[list[str]]) -> dict[str, float]:
    """The mean of each stage's last twentieth."""
    values: dict[str, list[float]] = {}
    for network, stage, _, name, value in rows:
        if name == "loss":
            values.setdefault(f"{network}_{stage}", []).append(float(value))
    return {stage: float(np.mean(v[-max(1, len(v) // 20) :])) for stage, v in values.items()}
