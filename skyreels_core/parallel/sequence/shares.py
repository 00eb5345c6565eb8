"""Which tokens each rank of a group has: neighbouring ones, as many as the others or one more; none is padded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from torch import Tensor


@dataclass(frozen=True)
class Shares:
    """Of `total` things among `parts`."""

    total: int
    parts: int

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        each, more = divmod(self.total, self.parts)
        return tuple(each + (part < more) for part in range(self.parts))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        return (0, *accumulate(self.sizes))[:-1]

    def take(self, x: Tensor, part: int, dim: int) -> Tensor:
        """The part of x along `dim`, which has `total`."""
        return x.narrow(dim, self.starts[part], self.sizes[part])


def group_sizes(workers: int, largest: int) -> list[int]:
    """1, 2, 4, ... that a number of workers can be taken in."""
    sizes = [1]
    while sizes[-1] * 2 <= min(workers, largest):
        sizes.append(sizes[-1] * 2)
    return sizes
