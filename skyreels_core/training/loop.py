"""One optimisation loop for every task: schedule, EMA, checkpoints, curves."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

Losses = dict[str, Tensor]
Step = Callable[[nn.Module, torch.Generator], Losses]


@dataclass(frozen=True)
class Stage:
    """One leg of a curriculum."""

    name: str
    steps: int
    batch: int
    lr: float
    frames: int = 1  # pixel frames of a clip
    schedule: str = "cosine"  # or "constant" (the paper's choice for a pretrained backbone)
    warmup: int = 50  # steps
    final_lr: float = 0.05  # share of lr at the end of a cosine
    weight_decay: float = 0.0
    clip: float = 1.0  # gradient norm
    ema: float = 0.0  # decay; 0 keeps none

    def rate(self, step: int) -> float:
        """Learning rate at `step` of this stage."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.lr
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (self.final_lr + (1 - self.final_lr) * 0.5 * (1 + math.cos(math.pi * progress)))


class Run:
    """A training run in a folder: `state.pt` to resume from, `losses.csv`, `losses.png`.

    Everything random in step k comes from a generator seeded with (seed, stage, k), so a resumed run sees what an
    uninterrupted one would have seen. Devices, precision and several processes are accelerate's business.
    """

    def __init__(
        self, folder: Path, model: nn.Module, accelerator: Accelerator, seed: int, save_every: int = 200
    ):
        self.folder, self.model, self.seed, self.save_every = Path(folder), model, seed, save_every
        self.accelerator = accelerator
        self.folder.mkdir(parents=True, exist_ok=True)
        self.done: dict[str, int] = {}
        self.ema: dict[str, Tensor] = {}
        self.optimiser_state: dict | None = None
        if self.state_file.exists():
            self._resume()

    @property
    def state_file(self) -> Path:
        return self.folder / "state.pt"

    def stage(self, stage: Stage, trainable: Iterable[nn.Parameter], step: Step) -> None:
        """Train `trainable` until the stage's step count is reached.

        `step` gets the model as accelerate wraps it and a generator, and returns losses; "loss" is minimised.
        """
        first = self.done.get(stage.name, 0)
        if first >= stage.steps:
            return
        parameters = list(trainable)
        optimiser = torch.optim.AdamW(
            parameters, lr=stage.lr, betas=(0.9, 0.99), weight_decay=stage.weight_decay
        )
        if self.optimiser_state is not None and first:
            optimiser.load_state_dict(self.optimiser_state)
        model, optimiser = self.accelerator.prepare(self.model, optimiser)
        for k in (bar := self._bar(stage, first)):
            for group in optimiser.param_groups:
                group["lr"] = stage.rate(k)
            with self.accelerator.autocast():
                losses = step(model, self.generator(stage.name, k))
            self._update(optimiser, parameters, losses["loss"], stage)
            self._log(stage.name, k, losses, bar)
            self.done[stage.name] = k + 1
            if (k + 1) % self.save_every == 0 or k + 1 == stage.steps:
                self.save(optimiser)
        self.accelerator.free_memory()

    def _bar(self, stage: Stage, first: int) -> tqdm:
        hidden = not self.accelerator.is_main_process
        steps = range(first, stage.steps)
        return tqdm(steps, stage.name, stage.steps, initial=first, mininterval=5, disable=hidden)

    def generator(self, stage: str, step: int) -> torch.Generator:
        process = self.accelerator.process_index
        seed = hash((self.seed, sum(stage.encode()), step, process)) & 0x7FFFFFFF
        return torch.Generator().manual_seed(seed)

    def _update(self, optimiser, parameters: list[nn.Parameter], loss: Tensor, stage: Stage) -> None:
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss.item()} in stage '{stage.name}'. Lower its `lr` ({stage.lr}) or its `clip` "
                f"({stage.clip}) and start again: the last checkpoint in {self.folder} is still good."
            )
        optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(parameters, stage.clip)
        optimiser.step()
        if stage.ema:
            self._average(stage.ema)

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for name, value in self.model.state_dict().items():
            if name not in self.ema:
                self.ema[name] = value.clone()
            elif value.is_floating_point():
                self.ema[name].lerp_(value, 1 - decay)

    def _log(self, stage: str, step: int, losses: Losses, bar: tqdm) -> None:
        if not self.accelerator.is_main_process:
            return
        values = {name: float(value.detach()) for name, value in losses.items()}
        bar.set_postfix({k: f"{v:.4f}" for k, v in values.items()}, refresh=False)
        with (self.folder / "losses.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([stage, step, name, f"{value:.6g}"] for name, value in values.items())

    def save(self, optimiser: torch.optim.Optimizer) -> None:
        """Write the state so that it is whole or not there at all."""
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema,
            "done": self.done,
            "optimiser": optimiser.state_dict(),
        }
        partial = self.state_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.state_file)
        plot_losses(self.folder / "losses.csv", self.folder / "losses.png")

    def _resume(self) -> None:
        state = torch.load(self.state_file, weights_only=True, map_location="cpu")
        self.model.load_state_dict(state["model"])
        self.ema, self.done, self.optimiser_state = state["ema"], state["done"], state["optimiser"]

    def use_average(self) -> None:
        """Put the averaged weights into the model, where a stage kept an average."""
        if self.ema:
            self.model.load_state_dict(self.ema)


def plot_losses(table: Path, picture: Path) -> None:
    """Draw every loss of a `losses.csv` over the steps, smoothed over 1 % of them."""
    import matplotlib.figure as figure
    import numpy as np

    curves: dict[str, list[float]] = {}
    with table.open(newline="") as file:
        for stage, _, name, value in csv.reader(file):
            curves.setdefault(f"{stage}: {name}", []).append(float(value))
    drawing = figure.Figure(figsize=(9, 4.5), layout="constrained")
    axes = drawing.subplots()
    for name, values in curves.items():
        width = max(1, len(values) // 100)
        axes.plot(np.convolve(values, np.ones(width) / width, mode="valid"), label=name, linewidth=1)
    axes.set(xlabel="step of the stage", ylabel="loss", yscale="log")
    axes.legend(fontsize=7, ncols=2)
    drawing.savefig(picture, dpi=120)
