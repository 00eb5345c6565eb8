"""Tensors between the ranks of a process group, of uneven sizes, and how many bytes that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

Shape = tuple[int, ...]


@dataclass
class Traffic:
    """Bytes that this rank has sent to others."""

    sent: int = 0

    def count(self, *tensors: Tensor) -> None:
        self.sent += sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@dataclass(frozen=True)
class Line:
    """The ranks of one process group, in order."""

    group: Any
    ranks: tuple[int, ...]  # of the whole world
    place: int  # of this process among them
    traffic: Traffic

    def __len__(self) -> int:
        return len(self.ranks)

    def exchange(self, parts: Sequence[Tensor], shapes: Sequence[Shape]) -> list[Tensor]:
        """Send part i to rank i; what rank i sends to this one has shape i."""
        sent = torch.cat([part.reshape(-1) for part in parts])
        sizes, received = [part.numel() for part in parts], [prod(shape) for shape in shapes]
        arrived = sent.new_empty(sum(received))
        dist.all_to_all_single(arrived, sent, received, sizes, group=self.group)
        self.traffic.count(*(part for place, part in enumerate(parts) if place != self.place))
        return [part.reshape(shape) for part, shape in zip(arrived.split(received), shapes, strict=True)]

    def pass_on(self, x: Tensor, shape: Shape) -> tuple[Tensor, list[Any]]:
        """Begin to send x to the next rank, and to receive a tensor of this shape from the one before: the tensor, and
        what to wait for."""
        arriving = x.new_empty(shape)
        after, before = (self.ranks[(self.place + step) % len(self)] for step in (1, -1))
        operations = [
            dist.P2POp(dist.isend, x, after, self.group),
            dist.P2POp(dist.irecv, arriving, before, self.group),
        ]
        self.traffic.count(x)
        return arriving, dist.batch_isend_irecv(operations)
