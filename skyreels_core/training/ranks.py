"""The processes that train together, one for each device: who this one is, and which samples are its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import Any

import torch
import torch.distributed as dist

from ..errors import InputError
from ..parallel.devices import Devices
from ..parallel.pool import TIMEOUT
from ..parallel.sequence.shares import Shares

# What torchrun and `launching` tell a process. accelerate must not see it: it would copy the model to every device.
TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
WATCHED = "SKYREELS_AUDIO_LAUNCHED"  # set where stdin ends with the process that launched this one
PAUSE = 0.2  # seconds between two looks at the store


@dataclass(frozen=True)
class Ranks:
    """This process among `count`. Alone by default, on the device that accelerate finds."""

    number: int = 0
    count: int = 1
    device: torch.device | None = None
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """It writes the files."""
        return self.number == 0

    @property
    def are_many(self) -> bool:
        return self.count > 1

    def part(self, total: int) -> slice:
        """This rank's samples of a batch. Raises InputError where there is none for it."""
        if total < self.count:
            raise InputError(
                f"A batch of {total} cannot be shared among {self.count} devices: each needs a sample. Raise `batch` "
                "in the recipe's stages, or give fewer devices."
            )
        shares = Shares(total, self.count)
        first = shares.starts[self.number]
        return slice(first, first + shares.sizes[self.number])

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Of all ranks' values; everyone gets it."""
        if self.are_many:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.count
        return value

    def agreed(self, value: float) -> float:
        """The first rank's, such as a time, by which all of them decide."""
        if not self.are_many:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.broadcast(told, 0)
        return float(told)

    def say(self, what: str) -> None:
        """Tell the others that this is done."""
        if self.are_many:
            self.store.set(what, b"done")

    def wait(self, what: str) -> None:
        """Until the first rank says so, however long it takes: its end is noticed by who launched all."""
        while self.are_many and not self.store.check([what]):
            time.sleep(PAUSE)


ALONE = Ranks()


def join(devices: Devices | None = None, env: Mapping[str, str] | None = None) -> Ranks:
    """This process's place in what torchrun or `launching` started; ALONE where nothing did.

    devices: that the ranks have, in order; by default each has the GPU of its number in its machine, or the CPU.
    A rank that waits for another one longer than their time limit gives up.
    """
    given = os.environ if env is None else env
    count = int(given.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE if devices is None else Ranks(device=_used(_device(devices, 0, 0)))
    number, local = int(given["RANK"]), int(given.get("LOCAL_RANK", given["RANK"]))
    if given.get(WATCHED):
        Thread(target=_end_with_launcher, daemon=True).start()
    device = _used(_device(devices, number, local))
    limit = timedelta(seconds=TIMEOUT if devices is None else devices.timeout)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=limit)
    for name in TOLD:
        os.environ.pop(name, None)
    store = dist.PrefixStore(  # pyright: ignore[reportPrivateImportUsage]  # it is documented
        "skyreels-audio", dist.distributed_c10d._get_default_store()
    )
    return Ranks(number, count, device, store)


def _device(devices: Devices | None, number: int, local: int) -> torch.device:
    if devices is None:
        return torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if number >= len(devices.names):
        raise InputError(
            f"Process {number} has no device: {len(devices.names)} are given ({devices}). Give one for each process."
        )
    return torch.device(devices.names[number])


def _used(device: torch.device) -> torch.device:
    """By libraries that ask for the current GPU, too."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def leave() -> None:
    """Without waiting for ranks that have already gone."""
    if dist.is_initialized():
        with suppress(RuntimeError):
            dist.destroy_process_group()


def checked_devices(devices: Devices) -> Devices:
    """Raises InputError for devices on which no model is trained together."""
    if devices.cluster is not None:
        raise InputError(
            "Training does not use a Ray cluster. Name devices of this machine, such as --devices 0,1, or start the "
            "command with torchrun on each machine."
        )
    return devices


def environment(number: int, count: int, port: int, host: str) -> dict[str, str]:
    """What a rank is told that meets the others at a store that is already there."""
    place = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    told = {name: str(value) for name, value in place.items()}
    store = {"MASTER_ADDR": host, "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **told, **store, WATCHED: "1"}


def _end_with_launcher() -> None:
    """No rank outlives the process that launched it, whatever it waits for."""
    with suppress(OSError):
        while os.read(sys.stdin.fileno(), 1):
            pass
    os._exit(1)


def last_words(lines: Sequence[str]) -> str:
    """The end of a sentence about a process: the last words that it printed."""
    return f": {lines[-1][:300]}" if lines else ""
