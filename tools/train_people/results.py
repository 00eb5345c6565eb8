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

import skyreels_core
from skyreels_core.demo.people.shards import Shard
from skyreels_core.files import atomic

from .samples import Sample, figures, write_samples

PARTS = ("model", "vae", "text_encoder", "whisper")
NETWORKS = ("autoencoder", "speech", "transformer")
SAMPLES = 6
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
            made: list[Sample] = []
            for shard in shards:
                if until is not None and time.monotonic() > until and made:
                    break
                made.append(Sample.of(model, shard))
                write_samples(self.folder, [sample.clips for sample in made])
                self.note(samples=len(made), **figures(made))
        except Exception:
            logger.exception("no samples")
            self.note(samples_failed=traceback.format_exc()[-600:])


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
