"""What the model makes of clips that it is not trained on, while it is trained: videos, metrics and the loss."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from ..api.evaluation import Given, evaluate_files
from ..api.model import Model
from ..errors import InputError
from ..evaluation.metrics.registry import NAMES
from ..evaluation.plots import Line, Panel, draw
from ..media.sound import Audio
from ..model.bundle import Bundle
from ..timeline import SAMPLE_RATE
from .clips import Clip, ClipSource
from .encoded import Clips, Encoders
from .losses import Objective, flow_loss
from .ranks import Ranks
from .transformer import AudioDrivenModel, Conditions

SIGMAS = (0.2, 0.5, 0.8)  # noise levels at which the loss is measured
BARE = Objective(lip_probability=0.0, drop_reference=0.0, drop_audio=0.0, drop_text=0.0, drop_both=0.0)
FREE = ("lips", "sharpness", "flicker")  # metrics that need no weights, where landmarks lie beside a clip


@dataclass(frozen=True)
class Validation:
    """The section `validate` of a recipe."""

    every: int  # steps, of all stages together
    clips: int = 4  # the last ones of the data, which are then not trained on
    metrics: Sequence[str] = FREE  # of `skyreels-audio evaluate`; none makes no videos
    weights: Sequence[str] = ()  # folders with the files that metrics need

    def __post_init__(self) -> None:
        for name in ("metrics", "weights"):
            if isinstance(value := getattr(self, name), str) or not isinstance(value, Sequence):
                raise InputError(f"`validate` has {name}: {value}; give a list, such as [{value}].")
        if not all(isinstance(number, int) and number >= 1 for number in (self.every, self.clips)):
            raise InputError(
                f"`validate` has every: {self.every} and clips: {self.clips}; give whole numbers from 1 on."
            )
        if unknown := [name for name in self.metrics if name not in NAMES]:
            raise InputError(f"`validate` names the metric {unknown[0]}; choose from {', '.join(NAMES)}.")


@dataclass(frozen=True)
class HeldOut:
    """Clips that are not trained on: encoded, and where they came from."""

    encoded: Clips
    source: ClipSource
    numbers: Sequence[int]  # in both


@dataclass(frozen=True)
class Validator:
    """Called after each step; writes `validation.csv`, `validation.png` and a folder for each time into `folder`.

    Several devices, among which the model is split, measure the loss alone.
    """

    config: Validation
    held_out: HeldOut
    model: AudioDrivenModel
    encoders: Encoders
    sampling: dict[str, Any]
    folder: Path
    accelerator: Accelerator
    ranks: Ranks
    keeps_encoders: bool = False  # they are on the device anyway

    def __call__(self, step: int) -> None:
        if step % self.config.every:
            return
        figures = {"loss": self.loss()}
        if self.config.metrics and not self.ranks.are_many:
            figures |= self.measured(self.folder / f"step_{step:06d}")
        if self.ranks.is_first:
            Table(self.folder).add(step, figures)

    @torch.no_grad()
    def loss(self) -> float:
        """Of the animation task, the same noise each time; a mean over clips and noise levels."""
        device, losses = self.accelerator.device, []
        for number in self.held_out.numbers:
            generator = torch.Generator().manual_seed(number)
            batch = self.held_out.encoded.batch([number], [number]).to(device)
            told = Conditions(batch.animation, batch.context, batch.key_mask, heard=True)
            noise = torch.randn(batch.latent.shape, generator=generator).to(device)
            for sigma in SIGMAS:
                noisy = torch.lerp(batch.latent, noise, sigma)
                with self.accelerator.autocast():
                    velocity = self.model(
                        noisy, torch.full((1,), sigma, device=device), batch, told, self.held_out.encoded.fps
                    )
                given, target = told.condition[:, :1], noise - batch.latent
                losses.append(flow_loss(velocity, target, given, batch.lips, BARE, generator))
        return float(torch.cat(losses).mean())

    def measured(self, folder: Path) -> dict[str, float]:
        """Videos of the held-out clips' first pictures and voices, measured."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._on_device(), self.accelerator.autocast():
            model = Model(self._bundle())
            for number in self.held_out.numbers:
                clip = self.held_out.source.clip(number)
                video = model.animate(clip.frames[0], voice_of(clip), clip.caption)
                video.save(folder / f"clip_{number:06d}.mp4")
        weights = [Path(place) for place in self.config.weights]
        report = evaluate_files([folder], folder / "metrics", Given(), self.config.metrics, weights)
        return {name: summary.value for name, summary in report.summaries.items()}

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        self.encoders.to(self.accelerator.device)
        try:
            yield
        finally:
            if not self.keeps_encoders:
                self.encoders.to(torch.device("cpu"))

    def _bundle(self) -> Bundle:
        return Bundle(
            model=self.model.backbone,
            adapter=self.model.adapter,
            vae=self.encoders.vae,
            text_encoder=self.encoders.text,
            whisper=self.encoders.whisper,
            clip_vision=self.encoders.clip_vision,
            metadata={"sampling": self.sampling},
        )


class Table:
    """Figures by step in `validation.csv`, and their curves."""

    def __init__(self, folder: Path):
        self.folder, self.file = folder, folder / "validation.csv"

    def read(self) -> dict[int, dict[str, float]]:
        if not self.file.exists():
            return {}
        with self.file.open(newline="") as file:
            return {int(row.pop("step")): numbers(row) for row in csv.DictReader(file)}

    def add(self, step: int, figures: dict[str, float]) -> None:
        """A resumed run takes steps again: their rows are replaced."""
        rows = {known: row for known, row in self.read().items() if known < step} | {step: figures}
        names = list(dict.fromkeys(name for row in rows.values() for name in row))
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.file.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["step", *names])
            writer.writeheader()
            writer.writerows({"step": known, **row} for known, row in rows.items())
        draw([curve(name, rows) for name in names], height=170).save(self.folder / "validation.png")


def curve(name: str, rows: dict[int, dict[str, float]]) -> Panel:
    points = [(step, row.get(name)) for step, row in rows.items()]
    return Panel([Line(name, points)], [(0, "0"), (max(rows), f"{max(rows)} steps")], top=0.0)


def numbers(row: dict[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if value}


def voice_of(clip: Clip) -> Audio:
    """The part of the recording that is heard during the clip."""
    first, last = (
        round(frame / clip.fps * SAMPLE_RATE)
        for frame in (clip.first_frame, clip.first_frame + len(clip.frames))
    )
    return Audio(clip.samples[None, first:last], SAMPLE_RATE)
