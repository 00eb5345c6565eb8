"""What a run on many devices takes, estimated: whole units are dealt, and what is left over is split.

The seconds of a forward are measured, the bytes are counted, the rate at which they travel is an assumption that is
stated with every result.
"""

from __future__ import annotations

from dataclasses import dataclass

from .dealing import Deal
from .sequence.shares import Shares


@dataclass(frozen=True)
class Sizes:
    """Of one forward."""

    tokens: int
    dim: int
    layers: int
    heads: int
    out: int  # numbers of a token that the head gives
    itemsize: int = 2  # bytes


# 832x480 and 81 frames of a 14B backbone
WAN_14B = Sizes(tokens=32760, dim=5120, layers=40, heads=40, out=64)


def traffic(sizes: Sizes, ranks: int, ring: int = 1) -> int:
    """Bytes that all ranks of a group send for one forward: four exchanges of Ulysses (q, k, v and the output) or the
    keys and values of a ring, in each layer, and at the end what the head gives, to every rank."""
    width, head_dim = ranks // ring, sizes.dim // sizes.heads
    tokens, heads = Shares(sizes.tokens, ranks).sizes, Shares(sizes.heads, width).sizes
    numbers = 0
    for rank, own in enumerate(tokens):
        place, first = rank % width, rank - rank % width
        together = sum(tokens[first : first + width])
        numbers += 3 * own * (sizes.heads - heads[place]) + (together - own) * heads[place]
    numbers += (ring - 1) * 2 * sizes.tokens * sizes.heads
    layers = sizes.layers * numbers * head_dim
    return sizes.itemsize * (layers + (ranks - 1) * sizes.tokens * sizes.out)


@dataclass(frozen=True)
class Link:
    """Bytes a second."""

    within: float  # that one GPU sends to others of its machine while a forward is split
    between: float  # of the process that deals, to all workers together


# A third of NVLink 4's data sheet, and a network of 100 Gbit/s.
ASSUMED = Link(150e9, 12.5e9)


@dataclass(frozen=True)
class Estimate:
    """Of one step."""

    seconds: float
    ideal: float  # seconds, if every device computed all the time

    @property
    def efficiency(self) -> float:
        return self.ideal / self.seconds


def group_seconds(group: int, forward: float, link: Link, sizes: Sizes = WAN_14B) -> float:
    """One forward among a group, by Ulysses: what is computed and what is sent do not overlap."""
    if group == 1:
        return forward
    return forward / group + traffic(sizes, group) / group / link.within


def estimate(
    units: int, devices: int, largest_group: int, forward: float, link: Link, sizes: Sizes = WAN_14B
) -> Estimate:
    """A step of so many units. The first latents have to arrive and the last to return; those in between travel while
    others are computed."""
    deal = Deal(units, devices, largest_group)
    computed = sum(group_seconds(each.group, forward, link, sizes) for each in deal.rounds)
    latent = 4 * sizes.tokens * sizes.out  # bytes, float32
    waiting = 2 * min(units, devices) * latent / link.between if devices > 1 else 0.0
    return Estimate(computed + waiting, units * forward / devices)
