"""A worker's own side: it has backbone and audio layers on one device, and computes single units of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..model.adapter import AudioAdapter
from ..model.execution import AS_LOADED, Execution
from ..parallel.serving import serve
from ..run.resume.fingerprint import digest_weights
from ..sampling.denoise import Unit
from .evaluator import CoreEvaluator, Prompts


@dataclass(frozen=True)
class ModelSpec:
    """What each worker loads; the first entries of `devices` are the workers' own, by number."""

    backbone: Path
    audio_layers: Path | None  # None: they are in the backbone's file
    dtype: torch.dtype
    threads: int  # of a worker on a CPU; as many as the caller has, which decides how sums round
    execution: Execution = AS_LOADED


@dataclass(frozen=True)
class RunInputs:
    """What all units of a run share."""

    tokens: Tensor  # [n width], the voice of the whole video
    fps: float
    prompts: Prompts
    shows_picture: bool
    clip_tokens: Tensor | None


@dataclass(frozen=True)
class Request:
    """One unit. Conditions travel once, and are kept under their names until the caller drops them."""

    unit: Unit
    x: Tensor  # [1 16 t h w], of the unit's window
    sigma: float
    condition: str | None = None
    new: Mapping[str, Tensor] | None = None
    dropped: tuple[str, ...] = ()


class CoreWorker:
    """Answers `load`, `digests`, `begin` and `evaluate`."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}
        self.now: str | None = None  # the condition of the unit that is computed

    def __call__(self, kind: str, value: Any) -> Any:
        return {"load": self.load, "digests": self.digests, "begin": self.begin, "evaluate": self.evaluate}[
            kind
        ](value)

    def load(self, value: tuple[ModelSpec, str]) -> None:
        spec, name = value
        self.device = torch.device(name)
        if self.device.type == "cpu":
            torch.set_num_threads(spec.threads)
        model, adapter, _ = spec.execution.load(spec.backbone, spec.audio_layers, spec.dtype, self.device)
        self.model, self.adapter = model, adapter

    def digests(self, _: None) -> dict[str, str]:
        networks = {"model": self.model, "audio layers": self.audio_layers}
        return {name: digest_weights(network.state_dict()) for name, network in networks.items()}

    @property
    def audio_layers(self) -> AudioAdapter:
        assert self.adapter is not None  # the caller refuses a model that has none
        return self.adapter

    def begin(self, run: RunInputs) -> None:
        self.kept.clear()
        conditions: Any = self if run.shows_picture else None
        self.evaluator = CoreEvaluator(
            self.model, self.audio_layers, run.tokens, run.fps, run.prompts, conditions, run.clip_tokens
        )

    def evaluate(self, request: Request) -> Tensor:
        """The velocity, float32 [1 16 t h w]."""
        for name in request.dropped:
            del self.kept[name]
        self.kept.update(request.new or {})
        self.now = request.condition
        return self.evaluator.velocity(request.unit, request.x.to(self.device), request.sigma)

    def of(self, unit: Unit) -> Tensor:
        """As `WindowConditions` do, for the evaluator."""
        assert self.now is not None
        return self.kept[self.now]


def main() -> None:
    serve(CoreWorker())
