"""The process groups of workers that split a forward, and a forward's own part of its tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import gcd

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]  # it is documented

from ...errors import InputError
from .engines import ENGINES, Engine, self_test, start
from .exchange import Line, Traffic
from .shares import Shares, group_sizes

HERE = "127.0.0.1"  # all workers of a group are on one machine


@dataclass(frozen=True)
class SequenceSettings:
    """How far one forward may be split; by default it is not."""

    largest: int = 1  # ranks of a group, at most
    ring: int = 1  # of which so many make a ring; the others are Ulysses'
    engine: str = "own"

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InputError(
                f"The sequence engine {self.engine!r} is unknown; use one of {', '.join(ENGINES)}."
            )

    @classmethod
    def read(cls, given: str | int, engine: str = "own") -> SequenceSettings:
        """`4`, or `2x2` for Ulysses and ring. Raises InputError for anything else."""
        words = str(given).lower().split("x")
        if not (1 <= len(words) <= 2 and all(word.isdecimal() and int(word) for word in words)):
            raise InputError(
                f"Sequence parallelism is {given!r}; give the number of devices that may share one forward pass, such "
                "as 2, or Ulysses and ring apart, such as 2x2."
            )
        ulysses, ring = int(words[0]), int(words[-1]) if len(words) == 2 else 1
        ranks = ulysses * ring
        if ranks & (ranks - 1):
            raise InputError(f"Sequence parallelism over {ranks} devices is not possible; give 2, 4, 8, ...")
        return cls(ranks, ring, engine)

    def ring_of(self, size: int) -> int:
        """Of a group of `size` ranks."""
        return gcd(self.ring, size)


WHOLE = SequenceSettings()


@dataclass(frozen=True)
class Split:
    """One rank's part in one forward, as the backbone asks for it."""

    engine: Engine
    everyone: Line
    tokens: int

    @property
    def shares(self) -> Shares:
        return Shares(self.tokens, len(self.everyone))

    def take(self, x: Tensor, dim: int) -> Tensor:
        """This rank's part of what all tokens have along `dim`."""
        return self.shares.take(x, self.everyone.place, dim)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q, k, v: [b n heads c] of this rank's n tokens, which look at all -> [b n (heads c)]"""
        return self.engine(q.contiguous(), k.contiguous(), v.contiguous(), self.tokens)

    def join(self, x: Tensor) -> Tensor:
        """[b n d] of this rank's n tokens -> of all tokens."""
        shapes = [(x.shape[0], size, x.shape[2]) for size in self.shares.sizes]
        return torch.cat(self.everyone.exchange([x] * len(self.everyone), shapes), dim=1)


class Groups:
    """All groups that one worker may be in. Every worker makes the same ones in the same order."""

    def __init__(self, settings: SequenceSettings, heads: int) -> None:
        """Once this process has joined the workers' world."""
        self.settings, self.heads, self.traffic = settings, heads, Traffic()
        self.engines: dict[range, Engine] = {}
        self.lines: dict[range, Line] = {}
        world = dist.get_world_size()
        for size in group_sizes(world, settings.largest)[1:]:
            groups = [range(first, first + size) for first in range(0, world - size + 1, size)]
            lines = [self._lines(group) for group in groups]  # all of them, before a library makes its own
            for group, own in zip(groups, lines, strict=True):
                if dist.get_rank() in group:
                    self.lines[group] = own[0]
                    self.engines[group] = start(settings.engine, *own[1:], heads)

    def split(self, group: range, tokens: int) -> Split:
        return Split(self.engines[group], self.lines[group], tokens)

    def test(self, tokens: int, like: Tensor) -> None:
        """Each of its engines. Raises InputError for one that computes something else."""
        for group, engine in self.engines.items():
            place = self.lines[group].place
            self_test(self.settings.engine, engine, place, len(group), self.heads, tokens, like)

    def _lines(self, group: range) -> tuple[Line, Line, Line]:
        """Everyone, and this rank's neighbours of Ulysses and its ring. Raises InputError for too few heads."""
        ring = self.settings.ring_of(len(group))
        width = len(group) // ring
        if width > self.heads:
            raise InputError(
                f"The model has {self.heads} heads, which {width} devices cannot share. Let them make rings too, such "
                f"as --sequence-parallel {width // 2}x{2 * ring}."
            )
        everyone = self._line(list(group))
        neighbours = [self._line(list(group[at : at + width])) for at in range(0, len(group), width)]
        rings = [self._line(list(group[at::width])) for at in range(width)]
        place = group.index(dist.get_rank()) if dist.get_rank() in group else 0
        return everyone, neighbours[place // width], rings[place % width]

    def _line(self, ranks: list[int]) -> Line:
        here = dist.get_rank()
        group = dist.new_group(ranks)
        return Line(group, tuple(ranks), ranks.index(here) if here in ranks else -1, self.traffic)


def open_store(ranks: int) -> TCPStore:
    """Where the workers meet, on a port that the system chooses."""
    return TCPStore(HERE, 0, ranks, is_master=True, wait_for_workers=False)


def join_world(store: TCPStore, rank: int, ranks: int, backend: str, seconds: float) -> None:
    """Within each other's reach: a rank that waits longer than this for another one gives up."""
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=ranks, timeout=timedelta(seconds=seconds)
    )
