"""How much is left after each stage, and how much of what is kept is bad all the same."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .decisions import READING, STAGE_NAMES, Decided

BAD = "bad.csv"
TO_LOOK_AT = 50  # kept shots that a person is asked about
NORMAL_95 = 1.96
YES, NO = ("1", "y", "yes", "true"), ("0", "n", "no", "false")


@dataclass(frozen=True)
class Level:
    """After a stage."""

    stage: str
    refused: int
    left: int  # shots
    hours: float


def levels(shots: Sequence[Decided]) -> list[Level]:
    """From what could be read to what is kept; overrides come last."""
    left, found = list(shots), []
    for stage in (READING, *STAGE_NAMES):
        after = [shot for shot in left if shot.refused_by != stage]
        found.append(Level(stage, len(left) - len(after), len(after), hours(after)))
        left = after
    kept = [shot for shot in shots if shot.kept]
    if any(shot.override for shot in shots):
        found.append(Level("overrides", len(left) - len(kept), len(kept), hours(kept)))
    return found


def hours(shots: Sequence[Decided]) -> float:
    return sum(shot.seconds for shot in shots) / 3600


@dataclass(frozen=True)
class BadCases:
    """Of the kept shots that a person has looked at; low and high: Wilson's 95 % interval."""

    bad: int
    looked_at: int

    @property
    def interval(self) -> tuple[float, float]:
        n, z = self.looked_at, NORMAL_95
        share, scale = self.bad / n, 1 + z * z / n
        middle = (share + z * z / (2 * n)) / scale
        spread = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, middle - spread), min(1.0, middle + spread)

    def __str__(self) -> str:
        if not self.looked_at:
            return f"not known: look at the kept shots and fill in {BAD}"
        low, high = self.interval
        return (
            f"{self.bad} of {self.looked_at} that were looked at, {self.bad / self.looked_at:.1%} "
            f"({low:.1%} to {high:.1%})"
        )


def read_bad_cases(path: Path, kept: Sequence[Decided]) -> BadCases:
    """What a person has filled in, of shots that are kept still."""
    if not path.is_file():
        return BadCases(0, 0)
    names = {shot.id for shot in kept}
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        answers = [
            line[1].strip().lower() for line in csv.reader(file) if len(line) > 1 and line[0].strip() in names
        ]
    return BadCases(
        sum(answer in YES for answer in answers), sum(answer in (*YES, *NO) for answer in answers)
    )


def ask(path: Path, kept: Sequence[Decided]) -> None:
    """Lines for some of the kept shots, chosen at random, to be filled in; a file that is there stays as it is."""
    if path.exists() or not kept:
        return
    chosen = random.Random(0).sample(sorted(shot.id for shot in kept), min(TO_LOOK_AT, len(kept)))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "bad"], *([name, ""] for name in sorted(chosen))])
