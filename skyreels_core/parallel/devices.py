"""Which devices a run is dealt to, as the user names them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import InputError
from .pool import TIMEOUT
from .ray_workers import own_device
from .sequence.groups import WHOLE, SequenceSettings

RAY = "ray"  # a device that Ray finds
ADDRESS = re.compile(r"ray://[^/]+:\d+")
FORMS = "Give numbers of GPUs or names of devices, such as 0,1 or cuda:0,cuda:1 or cpu,cpu."


@dataclass(frozen=True)
class Devices:
    """One worker for each; all of them compute with the same numbers."""

    names: tuple[str, ...]
    timeout: float = TIMEOUT  # seconds
    sequence: SequenceSettings = WHOLE  # whether they share single forward passes too
    cluster: str | None = None  # address of a Ray cluster that has them; "" is Ray's own choice

    @property
    def first(self) -> torch.device:
        """Where the caller itself decodes."""
        return torch.device(self.names[0]) if self.cluster is None else own_device()

    def __str__(self) -> str:
        return ", ".join(self.names)


def read_devices(
    given: str | Sequence[Any],
    timeout: float | None = None,
    sequence: str | int | None = None,
    engine: str | None = None,
) -> Devices:
    """`0,1`, `cpu,cpu`, or a list of such names. Raises InputError for anything else, and for a GPU that is missing."""
    limit = checked_timeout(TIMEOUT if timeout is None else timeout)
    if isinstance(given, str) and given.startswith(RAY):
        if sequence is not None:
            raise InputError(
                "Workers of a Ray cluster do not share single forward passes. Leave --sequence-parallel out."
            )
        address, count = read_cluster(given)
        return Devices((RAY,) * count, limit, cluster=address)
    names = _names(given)
    split = WHOLE if sequence is None else SequenceSettings.read(sequence, engine or "own")
    if split.largest > len(names):
        raise InputError(
            f"Sequence parallelism needs {split.largest} devices, and {len(names)} are given. Give fewer "
            "(--sequence-parallel) or more devices (--devices)."
        )
    return Devices(names, limit, split)


def _names(given: str | Sequence[Any]) -> tuple[str, ...]:
    """Of devices of one kind."""
    words = given.split(",") if isinstance(given, str) else list(given)
    names = tuple(_device(str(word).strip()) for word in words)
    if not names:
        raise InputError(f"No devices were given. {FORMS}")
    if len({name.partition(":")[0] for name in names}) > 1:
        raise InputError(
            f"The devices {', '.join(names)} are of different kinds, which compute different numbers. Give devices of "
            "one kind."
        )
    return names


def read_cluster(given: str) -> tuple[str, int]:
    """`ray:2`, or `ray://head:10001:2` with an address; the last number is that of workers."""
    address, _, count = given.rpartition(":")
    if not (count.isdecimal() and int(count)) or not (address == RAY or ADDRESS.fullmatch(address)):
        raise InputError(
            f"{given!r} names no workers of a Ray cluster; give ray:2 for two of the cluster of RAY_ADDRESS or of this "
            "machine, or ray://head:10001:2 with an address."
        )
    return "" if address == RAY else address, int(count)


def checked_timeout(seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise InputError(
            f"The workers' time limit is {seconds} s; give seconds above 0 that a model takes to load, and a forward "
            f"pass to compute, such as {TIMEOUT:g}."
        )
    return float(seconds)


def _device(word: str) -> str:
    try:
        device = torch.device(f"cuda:{word}" if word.isdecimal() else word)
    except RuntimeError as error:
        raise InputError(f"{word!r} is no device. {FORMS}") from error
    if device.type == "cpu":
        return "cpu"
    if device.type != "cuda":
        raise InputError(f"Workers do not run on {word}. {FORMS}")
    index, count = device.index or 0, torch.cuda.device_count()
    if index >= count:
        there = f"PyTorch finds {count} GPUs, numbered from 0" if count else "PyTorch finds no GPU"
        raise InputError(f"The device cuda:{index} cannot be used: {there}. {FORMS}")
    return f"cuda:{index}"
