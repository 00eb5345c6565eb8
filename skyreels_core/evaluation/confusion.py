"""Which viseme is seen where which was said, and how often chance would have guessed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Confusion:
    """counts: [k k] frames, rows what was said, columns what was seen."""

    names: Sequence[str]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, names: Sequence[str], said: NDArray, seen: NDArray) -> Confusion:
        """said, seen: numbers in names, [n]; frames with a negative one are left out."""
        counts = np.zeros((len(names), len(names)), np.int64)
        known = (said >= 0) & (seen >= 0)
        np.add.at(counts, (said[known], seen[known]), 1)
        return cls(names, counts)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each viseme's frames in which it was seen, [k]; NaN where it was not said."""
        with np.errstate(invalid="ignore"):
            return np.diag(self.counts) / self.counts.sum(1)

    @property
    def balanced(self) -> float:
        """The mean recall of what was said; chance gives `chance` whatever the shares of the visemes are."""
        return float(np.nanmean(self.recall))

    @property
    def chance(self) -> float:
        return 1 / int((self.counts.sum(1) > 0).sum())

    def table(self) -> str:
        """Rows of shares for people to read."""
        shares = self.counts / self.counts.sum(1, keepdims=True).clip(1)
        lines = ["said \\ seen  " + "".join(f"{name:>9}" for name in self.names)]
        lines += [
            f"{name:<13}" + "".join(f"{share:9.2f}" for share in row)
            for name, row in zip(self.names, shares, strict=True)
        ]
        return "\n".join([*lines, f"balanced {self.balanced:.2f}, chance {self.chance:.2f}"])
