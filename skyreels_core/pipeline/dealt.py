"""A model whose forward passes are dealt to workers: `sampling.denoise.Evaluate` on several devices."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..conditioning.visual import WindowConditions
from ..parallel.dealing import Deal, efficiency
from ..parallel.devices import Devices
from ..parallel.pool import Job, Pool
from ..parallel.ray_workers import RayWorker, connect
from ..parallel.sequence.shares import group_sizes
from ..parallel.workers import Inbox, Worker, WorkerProcess
from ..sampling.denoise import Unit
from .worker import CoreWorker, ModelSpec, Request, RunInputs, World

MODULE = "skyreels_core.pipeline.worker"
ALL = 2**31  # units of a step
CONDITIONS_KEPT = 32  # by each worker, of the windows that it was dealt


class Workers:
    """The workers of one model, for any number of runs."""

    def __init__(self, devices: Devices, spec: ModelSpec) -> None:
        self.devices, self.spec = devices, spec
        self.joined: tuple[Worker, ...] = ()  # those that have made groups
        self.pool = Pool(self._start, len(devices.names), self._load, devices.timeout)

    @property
    def device(self) -> torch.device:
        """The first one, where the caller decodes; all are of its kind."""
        return self.devices.first

    def digests(self) -> dict[str, str]:
        """Of the networks that the workers have."""
        return next(self.pool.ask([Job(range(1), "digests", lambda _: None)]))

    def close(self) -> None:
        self.pool.close()

    def _start(self, number: int, inbox: Inbox) -> Worker:
        name = f"Worker {number + 1} ({self.devices.names[number]})"
        if self.devices.cluster is None:
            return WorkerProcess(number, name, MODULE, inbox)
        return RayWorker(connect(self.devices.cluster or None), number, name, CoreWorker, inbox)

    def _load(self, number: int) -> tuple[ModelSpec, str, int]:
        return self.spec, self.devices.names[number], number


class DealtEvaluator:
    """Units to velocities as `CoreEvaluator` has them, one forward each, on the workers of a model."""

    device = torch.device("cpu")  # of the run's latents, between the workers
    units_per_call = ALL

    def __init__(
        self,
        workers: Workers,
        run: RunInputs,
        conditions: WindowConditions | None,
        check_cancel: Callable[[], None] | None = None,
    ) -> None:
        self.workers, self.conditions, self.check_cancel = workers, conditions, check_cancel
        self.dtype, self.prompts = workers.spec.dtype, run.prompts
        self.largest_group = workers.devices.sequence.largest
        self.held: list[OrderedDict[str, None]] = [OrderedDict() for _ in workers.devices.names]
        self._join(check_cancel)
        workers.pool.tell("begin", run, check_cancel)

    def __call__(self, units: Sequence[Unit], x: Tensor, sigma: float) -> Iterator[Tensor]:
        """x [1 16 t h w] of the whole video -> the velocity, float32 [1 16 t h w], of each unit's window."""
        groups = Deal(len(units), self.workers.pool.count, self.largest_group).groups
        jobs = [self._job(unit, group, x, sigma) for unit, group in zip(units, groups, strict=True)]
        return self.workers.pool.ask(jobs, self.check_cancel)

    def dealing(self, calls: Sequence[int]) -> str:
        """How well a run comes out whose calls have so many units, for the user."""
        return f"Dealt to {self.workers.devices}: {efficiency(calls, self.workers.pool.count, self.largest_group)}"

    def _join(self, check_cancel: Callable[[], None] | None) -> None:
        """Where forwards may be split: the workers make their groups, which this process is in none of."""
        workers, ranks = self.workers, self.workers.pool.count
        workers.pool.wait(check_cancel)
        if len(group_sizes(ranks, self.largest_group)) == 1 or workers.joined == workers.pool.workers:
            return
        (port,) = workers.pool.ask([Job(range(1), "host", lambda _: ranks)], check_cancel)
        workers.pool.tell("join", World(port, ranks, workers.devices.timeout), check_cancel)
        workers.joined = workers.pool.workers

    def _job(self, unit: Unit, group: range, x: Tensor, sigma: float) -> Job:
        return Job(group, "evaluate", lambda worker: self._request(worker, group, unit, x, sigma))

    def _request(self, worker: int, group: range, unit: Unit, x: Tensor, sigma: float) -> Request:
        part = x[:, :, unit.window.frames]
        if self.conditions is None:
            return Request(unit, part, sigma, group)
        held, name = self.held[worker], self.conditions.name_of(unit)
        new = {} if name in held else {name: self.conditions.of(unit)}
        held[name] = None
        held.move_to_end(name)
        dropped = tuple(held.popitem(last=False)[0] for _ in range(len(held) - CONDITIONS_KEPT))
        return Request(unit, part, sigma, group, name, new, dropped)
