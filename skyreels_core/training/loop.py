"""One optimisation loop for every task: schedule, EMA, checkpoints, curves."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from ..errors import InputError
from .optimizers import ADAMW, MUON, RATE, make_optimizer
from .prefetch import Prefetch
from .ranks import ALONE, Ranks
from .sharding import like, split_state, whole

Losses = dict[str, Tensor]
Step = Callable[..., Losses]
Prepare = Callable[[torch.Generator], Any]
STATE = "state.pt"
SAVED_SECONDS = 180.0  # after which a checkpoint is written
LOGGED_TOGETHER = 20  # steps on a GPU: to read a loss is to wait for it


@dataclass(frozen=True)
class Stage:
    """One leg of a curriculum. It ends after `steps` or `seconds`, whichever comes first, and its schedule with it."""

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
    seconds: float = 0.0  # of training, all sessions of a resumed run together; 0: no limit

    def rate(self, step: int, spent: float = 0.0) -> float:
        """Learning rate at `step` of this stage, `spent` seconds into it."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.lr
        by_steps = (step - self.warmup) / max(1, self.steps - self.warmup)
        progress = min(1.0, max(by_steps, spent / self.seconds if self.seconds else 0.0))
        return self.lr * (self.final_lr + (1 - self.final_lr) * 0.5 * (1 + math.cos(math.pi * progress)))


class Budget(Protocol):
    """How long the stages of a run may take."""

    def limited(self, stage: Stage, spent: float) -> Stage:
        """The stage with the `seconds` that it gets, of which `spent` are over."""
        ...

    def share(self, name: str) -> float:
        """Seconds for another part of the recipe."""
        ...


class _AsStated:
    def limited(self, stage: Stage, spent: float) -> Stage:
        return stage

    def share(self, name: str) -> float:
        return math.inf


AS_STATED: Budget = _AsStated()


class Run:
    """A training run in a folder: `state.pt` to resume from, `losses.csv`, `losses.png`, `speed.json`.

    Everything random in step k comes from a generator seeded with (seed, stage, k), so a resumed run sees what an
    uninterrupted one would have seen. Device and precision are accelerate's business; several `ranks` have the model
    split among them, and the first one writes. A checkpoint is written every three minutes, or every `save_every`
    steps; `saved` then gets the weights, averaged where an average is kept. `budget` gives a stage the seconds that it
    may take; weights whose names `keeps` denies never move, and are in no checkpoint. `optimizer` is one of
    `optimizers.OPTIMIZERS`. `after` is told how many steps are done, of all stages, once each step is.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        accelerator: Accelerator,
        seed: int,
        save_every: int | None = None,
        budget: Budget = AS_STATED,
        saved: Callable[[dict[str, Tensor]], None] | None = None,
        ranks: Ranks = ALONE,
        keeps: Callable[[str], bool] = bool,
        optimizer: str = ADAMW,
        after: Callable[[int], None] | None = None,
    ):
        self.folder, self.model, self.seed, self.save_every = Path(folder), model, seed, save_every
        self.accelerator, self.budget, self.saved, self.ranks, self.keeps = (
            accelerator, budget, saved, ranks, keeps,
        )  # fmt: skip
        self.optimizer, self.after = optimizer, after
        self.folder.mkdir(parents=True, exist_ok=True)
        self.done: dict[str, int] = {}
        self.spent: dict[str, float] = {}  # seconds in each stage
        self.waited: dict[str, float] = {}  # of these, for what a step needs
        self.over: dict[str, float] = {}  # stages that their time ended -> the seconds that the recipe states
        self.ema: dict[str, Tensor] = {}
        self.noted: list[tuple[int, Losses]] = []  # step and losses that are not written yet
        self.optimiser_state: dict | None = None
        if self.state_file.exists():
            self._resume()

    @property
    def on_gpu(self) -> bool:
        return self.accelerator.device.type == "cuda"

    @property
    def state_file(self) -> Path:
        return self.folder / STATE

    def stage(
        self, stage: Stage, trainable: Iterable[nn.Parameter], step: Step, prepare: Prepare | None = None
    ) -> None:
        """Train `trainable` until the stage's steps are done or its seconds are over.

        `step` gets the model as accelerate wraps it, the step's generator and, with `prepare`, what that made with the
        generator, in a thread, ahead of the step. It returns losses, of which "loss" is minimised.
        """
        if self.done.get(stage.name, 0) >= stage.steps or self.over.get(stage.name, -1) >= stage.seconds:
            return
        stated, stage = stage, self.budget.limited(stage, self.spent.get(stage.name, 0.0))
        parameters = list(trainable)
        model, optimiser = self.accelerator.prepare(self.model, self._optimiser(stage, parameters))
        with Prefetch(prepare, partial(self.generator, stage.name), stage.steps) as ahead:
            self._train(stage, model, optimiser, parameters, step, ahead)
        if self.done.get(stage.name, 0) < stage.steps:
            self.over[stage.name] = stated.seconds
        self.save(optimiser)
        self.accelerator.free_memory()

    def _train(
        self,
        stage: Stage,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        parameters: list[nn.Parameter],
        step: Step,
        ahead: Prefetch,
    ) -> None:
        saved, waited = time.monotonic(), self.waited.get(stage.name, 0.0)
        for k in self._steps(stage, bar := self._bar(stage)):
            for group in optimiser.param_groups:
                group["lr"] = group.get(RATE, 1.0) * stage.rate(k, self.spent[stage.name])
            drawn = ahead.take(k)
            self.waited[stage.name] = waited + ahead.waited
            with self.accelerator.autocast():
                losses = step(model, *drawn)
            self.noted.append((k, {name: self.ranks.mean(value.detach()) for name, value in losses.items()}))
            if not self.on_gpu or len(self.noted) == LOGGED_TOGETHER:
                self._log(stage, bar)
            self._update(optimiser, parameters, losses["loss"], stage)
            self.done[stage.name] = k + 1
            if self._is_due(k + 1, self.ranks.agreed(time.monotonic() - saved)):
                self._log(stage, bar)
                self.save(optimiser)
                saved = time.monotonic()
            if self.after is not None:
                self.after(sum(self.done.values()))
        self._log(stage, bar)

    def _is_due(self, steps: int, seconds: float) -> bool:
        if self.save_every is None:
            return seconds > SAVED_SECONDS
        return steps % self.save_every == 0

    def _optimiser(self, stage: Stage, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        optimiser = make_optimizer(
            self.optimizer, self.model, parameters, stage.lr, stage.weight_decay, self.on_gpu
        )
        if self.optimiser_state is not None and self.done.get(stage.name):
            optimiser.load_state_dict(split_state(self.optimiser_state, parameters))
        return optimiser

    def _steps(self, stage: Stage, bar: tqdm) -> Iterator[int]:
        """The steps that are left, until the stage's seconds are over."""
        before = self.spent.get(stage.name, 0.0) - time.monotonic()
        for k in bar:
            self.spent[stage.name] = self.ranks.agreed(before + time.monotonic())
            if stage.seconds and self.spent[stage.name] >= stage.seconds:
                return
            yield k

    def _bar(self, stage: Stage) -> tqdm:
        hidden, first = not self.ranks.is_first, self.done.get(stage.name, 0)
        steps = range(first, stage.steps)
        return tqdm(steps, stage.name, stage.steps, initial=first, mininterval=5, disable=hidden)

    def generator(self, stage: str, step: int) -> torch.Generator:
        """The same on all ranks: they draw a whole batch, of which each takes its part."""
        seed = hash((self.seed, sum(stage.encode()), step, 0)) & 0x7FFFFFFF
        return torch.Generator().manual_seed(seed)

    def _update(self, optimiser, parameters: list[nn.Parameter], loss: Tensor, stage: Stage) -> None:
        optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(parameters, stage.clip)
        optimiser.step()
        if stage.ema:
            self._average(stage.ema)

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for name, value in self._kept().items():
            if name not in self.ema:
                self.ema[name] = value.clone()
            elif value.is_floating_point():
                average = like(self.ema[name], value).to(value.device)
                self.ema[name] = average.lerp_(value, 1 - decay)

    def _log(self, stage: Stage, bar: tqdm) -> None:
        """Write the losses that were noted. Raises FloatingPointError for one that is not finite."""
        rows = [(k, name, float(value)) for k, losses in self.noted for name, value in losses.items()]
        self.noted.clear()
        for _, name, value in rows:
            if name == "loss" and not math.isfinite(value):
                raise FloatingPointError(
                    f"The loss is {value} in stage '{stage.name}'. Lower its `lr` ({stage.lr}) or its `clip` "
                    f"({stage.clip}) and start again: the last checkpoint in {self.folder} is still good."
                )
        if rows and self.ranks.is_first:
            bar.set_postfix({name: f"{value:.4f}" for _, name, value in rows[-3:]}, refresh=False)
            with (self.folder / "losses.csv").open("a", newline="") as file:
                csv.writer(file).writerows([stage.name, k, name, f"{value:.6g}"] for k, name, value in rows)

    def save(self, optimiser: torch.optim.Optimizer) -> None:
        """Write the state so that it is whole or not there at all. All ranks have to ask for it."""
        state = {
            "model": whole(self._kept(), self.ranks.is_first),
            "ema": whole(self.ema, self.ranks.is_first),
            "done": self.done,
            "spent": self.spent,
            "over": self.over,
            "waited": self.waited,
            "optimiser": whole(optimiser.state_dict(), self.ranks.is_first),
            "optimizer_kind": self.optimizer,
        }
        if not self.ranks.is_first:
            return
        partial = self.state_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.state_file)
        plot_losses(self.folder / "losses.csv", self.folder / "losses.png")
        (self.folder / "speed.json").write_text(json.dumps(self.speed(), indent=1), encoding="utf-8")
        if self.saved is not None:
            self.saved(state["ema"] or state["model"])

    def _kept(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.model.state_dict().items() if self.keeps(name)}

    def _resume(self) -> None:
        """Before the model is split among devices."""
        state = torch.load(self.state_file, weights_only=True, map_location="cpu")
        # checkpoints from before the kind was written down are not Muon's
        before = state.get("optimizer_kind", ADAMW if self.optimizer == MUON else self.optimizer)
        if before != self.optimizer:
            raise InputError(
                f"{self.state_file} was trained with `optimizer: {before}`, and the recipe now has "
                f"`optimizer: {self.optimizer}`. Change it back under `memory`, or train into another folder."
            )
        self.model.load_state_dict(state["model"], strict=False)
        self.ema, self.done, self.optimiser_state = state["ema"], state["done"], state["optimiser"]
        self.spent, self.over, self.waited = (state.get(name, {}) for name in ("spent", "over", "waited"))

    def speed(self) -> dict[str, dict[str, float]]:
        """Seconds a step of each stage, the share of them in which the device waited for clips, and on a GPU the most
        memory that it needed, in GiB."""
        figures = {}
        for name, steps in self.done.items():
            spent = self.spent.get(name, 0.0)
            waiting = self.waited.get(name, 0.0) / spent if spent else 0.0
            figures[name] = {
                "seconds_per_step": round(spent / max(1, steps), 4),
                "waiting": round(waiting, 4),
            }
            if self.on_gpu:
                figures[name]["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        return figures

    def use_average(self) -> None:
        """Put the averaged weights into the model, where a stage kept an average."""
        if self.ema:
            own = self.model.state_dict()
            averaged = {name: like(value, own[name]) for name, value in self.ema.items()}
            self.model.load_state_dict(averaged, strict=False)

    def weights(self) -> dict[str, Tensor]:
        """Of this moment, whole; on the first rank only. All ranks have to ask for them."""
        return whole(self._kept(), self.ranks.is_first)


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
