"""The host's clones of a model on other devices: units are dealt to them, each to the host's own thread for its device.

The host deals only the branches of one call, and a call has one window; here the units of all windows are dealt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import comfy.model_patcher
import comfy.samplers
import torch
from torch import Tensor

from ...skyreels_core.parallel.dealing import efficiency
from .patches import DEVICE

CLONES, THREADS = (
    "multigpu_clones",
    "multigpu_thread_pool",
)  # where the host leaves them for the time of a run
Task = tuple[list[dict[str, Any]], Tensor]  # the condition of a unit, and what its window has of x


@dataclass(frozen=True)
class Clones:
    """Of one run, by device; the first is the model itself."""

    models: dict[torch.device, Any]
    threads: Any
    options: dict[str, Any]  # of the model

    @classmethod
    def of(cls, options: dict[str, Any]) -> Clones | None:
        clones = options.get(CLONES)
        return cls(clones, options.get(THREADS), options) if clones and len(clones) > 1 else None

    def __len__(self) -> int:
        return len(self.models)

    def __str__(self) -> str:
        return ", ".join(map(str, self.models))

    def report(self, calls: Sequence[int]) -> str:
        """How well a run comes out whose calls have so many units, for the user."""
        return f"Dealt to {self}: {efficiency(calls, len(self))}"

    def evaluate(self, tasks: Sequence[Task], timestep: Tensor) -> list[Tensor]:
        """x0 of one unit for each device at most, where x is."""
        devices = list(self.models)[: len(tasks)]
        if self.threads is None:  # a run that the host has not prepared
            return [
                self._forward(device, task, timestep) for device, task in zip(devices, tasks, strict=True)
            ]
        for device, task in zip(devices, tasks, strict=True):
            self.threads.submit(device, self._forward, device, task, timestep)
        answers = [self.threads.get_result(device) for device in devices]
        for _, error in answers:
            if error is not None:
                raise error
        return [prediction for prediction, _ in answers]

    @torch.no_grad()
    def _forward(self, device: torch.device, task: Task, timestep: Tensor) -> Tensor:
        (cond, x), model = task, self.models[device].model
        (prediction,) = comfy.samplers.calc_cond_batch(
            model, [cond], x.to(device), timestep.to(device), self._options_on(device)
        )
        return prediction.to(x.device)

    def _options_on(self, device: torch.device) -> dict[str, Any]:
        options = comfy.model_patcher.create_model_options_clone(self.options)
        for name in (CLONES, THREADS):
            options.pop(name, None)
        transformer = options.setdefault("transformer_options", {})
        transformer[DEVICE] = device
        if "sample_sigmas" in transformer:
            transformer["sample_sigmas"] = transformer["sample_sigmas"].to(device)
        comfy.samplers.cast_transformer_options(transformer, device=device)
        return options
