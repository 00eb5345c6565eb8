"""A worker's own side: it has backbone and audio layers on one device, and computes single units of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]  # it is documented

from ..model.adapter import AudioAdapter
from ..model.backbone import Split
from ..model.execution import AS_LOADED, Execution
from ..parallel.devices import RAY
from ..parallel.ray_workers import own_device
from ..parallel.sequence.groups import HERE, WHOLE, Groups, SequenceSettings, join_world, open_store
from ..parallel.serving import serve
from ..run.resume.fingerprint import digest_weights
from ..sampling.denoise import Unit
from ..weights.lora import Lora
from .evaluator import CoreEvaluator, Prompts, tokens_of


@dataclass(frozen=True)
class ModelSpec:
    """What each worker loads."""

    backbone: Path
    audio_layers: Path | None  # None: they are in the backbone's file
    dtype: torch.dtype
    threads: int  # of a worker on a CPU; as many as the caller has, which decides how sums round
    execution: Execution = AS_LOADED
    sequence: SequenceSettings = WHOLE
    loras: tuple[Lora, ...] = ()


@dataclass(frozen=True)
class World:
    """Where the workers meet, to split single forwards."""

    port: int
    ranks: int
    seconds: float  # that a rank waits for another one


@dataclass(frozen=True)
class RunInputs:
    """What all units of a run share."""

    tokens: Tensor  # [n width], the voice of the whole video
    fps: float
    prompts: Prompts
    shows_picture: bool
    clip_tokens: Tensor | None
    window_tokens: int = 0  # of the backbone, in each forward


@dataclass(frozen=True)
class Request:
    """One unit. Conditions travel once, and are kept under their names until the caller drops them."""

    unit: Unit
    x: Tensor  # [1 16 t h w], of the unit's window
    sigma: float
    workers: range  # that compute it; the first of them answers
    condition: str | None = None
    new: Mapping[str, Tensor] | None = None
    dropped: tuple[str, ...] = ()


class CoreWorker:
    """Answers each kind of message by the method of that name."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}
        self.now: str | None = None  # the condition of the unit that is computed
        self.groups: Groups | None = None
        self.answers: dict[str, Callable[[Any], Any]] = {
            "load": self.load, "digests": self.digests, "host": self.host, "join": self.join, "begin": self.begin,
            "evaluate": self.evaluate, "traffic": self.traffic, "pid": self.pid,
        }  # fmt: skip

    def __call__(self, kind: str, value: Any) -> Any:
        return self.answers[kind](value)

    def load(self, value: tuple[ModelSpec, str, int]) -> None:
        self.spec, name, self.number = value
        self.device = own_device() if name == RAY else torch.device(name)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        else:
            torch.set_num_threads(self.spec.threads)
        spec = self.spec
        self.model, self.adapter, _ = spec.execution.load(
            spec.backbone, spec.audio_layers, spec.dtype, self.device, loras=spec.loras
        )

    @property
    def audio_layers(self) -> AudioAdapter:
        assert self.adapter is not None  # the caller refuses a model that has none
        return self.adapter

    def digests(self, _: None) -> dict[str, str]:
        networks = {"model": self.model, "audio layers": self.audio_layers}
        return {name: digest_weights(network.state_dict()) for name, network in networks.items()}

    def host(self, ranks: int) -> int:
        """Open the place where the workers meet; its port."""
        self.store = open_store(ranks)
        return self.store.port

    def join(self, world: World) -> None:
        """Become a rank of the workers' world; all of them are told at the same time."""
        store = self.store if self.number == 0 else TCPStore(HERE, world.port, world.ranks, is_master=False)
        backend = "nccl" if self.device.type == "cuda" else "gloo"
        join_world(store, self.number, world.ranks, backend, world.seconds)
        self.groups = Groups(self.spec.sequence, self.model.config.num_heads)

    def begin(self, run: RunInputs) -> None:
        self.kept.clear()
        if self.groups is not None:
            self.groups.test(run.window_tokens, self.model.patch_embedding.weight)
        conditions: Any = self if run.shows_picture else None
        self.evaluator = CoreEvaluator(
            self.model, self.audio_layers, run.tokens, run.fps, run.prompts, conditions, run.clip_tokens
        )

    def evaluate(self, request: Request) -> Tensor | None:
        """The velocity, float32 [1 16 t h w], from whoever answers for its group."""
        for name in request.dropped:
            del self.kept[name]
        self.kept.update(request.new or {})
        self.now = request.condition
        x = request.x.to(self.device)
        velocity = self.evaluator.velocity(
            request.unit, x, request.sigma, self._split(request, tokens_of(x.shape))
        )
        return velocity if self.number == request.workers[0] else None

    def traffic(self, _: None) -> int:
        """Bytes that it has sent to other workers."""
        return 0 if self.groups is None else self.groups.traffic.sent

    def pid(self, _: None) -> int:
        return os.getpid()

    def of(self, unit: Unit) -> Tensor:
        """As `WindowConditions` do, for the evaluator."""
        assert self.now is not None
        return self.kept[self.now]

    def _split(self, request: Request, tokens: int) -> Split | None:
        if len(request.workers) == 1:
            return None
        assert self.groups is not None  # the caller deals to groups only once they are made
        return self.groups.split(request.workers, tokens)


def main() -> None:
    serve(CoreWorker())
