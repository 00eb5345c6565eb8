"""One run of a plan: the models that carry it out, and where it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ..model.bundle import Bundle
from ..run.plan import RunPlan
from ..run.resume import WorkFolder
from .dealt import Workers
from .result import Report

# (stage, done, planned, what was done); stages are "conditions", "sampling" and "decoding"
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Run:
    bundle: Bundle
    plan: RunPlan
    progress: Progress | None = None
    check_cancel: Callable[[], None] | None = None  # raises to cancel
    work: WorkFolder | None = None  # where the run keeps its state; without one a kill loses it
    workers: Workers | None = None  # that compute the forward passes; None: the bundle's own model does
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "report", Report(self.plan))
        self.report.say_all(self.plan.lines)

    @property
    def device(self) -> torch.device:
        """Of the forward passes."""
        return (
            self.bundle.model.patch_embedding.weight.device if self.workers is None else self.workers.device
        )

    def advance(self, stage: str, done: int, planned: int, what: str = "") -> None:
        if self.progress is not None:
            self.progress(stage, done, planned, what)

    def ask_to_go_on(self) -> None:
        if self.check_cancel is not None:
            self.check_cancel()
