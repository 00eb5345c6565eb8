"""Which shots are kept, and why not: computed from what was measured, thresholds and a file of overrides."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .record import VideoRecord
from .stages import STAGES, Values
from .stages.thresholds import Thresholds

OVERRIDES = "overrides.csv"
KEEP, REFUSE = "keep", "refuse"
READING = "reading"  # the stage at which a file fails that cannot be read


@dataclass(frozen=True)
class Override:
    """What a person decided, whatever was measured."""

    decision: str  # KEEP or REFUSE
    note: str = ""


@dataclass(frozen=True)
class Decided:
    """A shot, or a file that cannot be read, with what became of it."""

    id: str
    video: str
    start: float
    end: float
    values: Mapping[str, Values]  # by stage
    reasons: Mapping[str, Sequence[str]]  # by stage that has judged it
    override: Override | None = None
    error: str = ""

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def refused_by(self) -> str:
        """The first stage that refuses it; empty where none does."""
        if self.error:
            return READING
        return next((stage for stage, reasons in self.reasons.items() if reasons), "")

    @property
    def kept(self) -> bool:
        return self.override.decision == KEEP if self.override else not self.refused_by

    @property
    def caption(self) -> str:
        return str(self.values.get("captions", {}).get("caption") or "")


def decide(
    records: Sequence[VideoRecord], thresholds: Thresholds, overrides: Mapping[str, Override]
) -> Iterator[Decided]:
    for record in records:
        if record.error:
            yield Decided(record.name(0), record.video, 0, 0, {}, {}, None, record.error)
            continue
        for index, shot in enumerate(record.shots):
            name = record.name(index)
            yield Decided(
                name,
                record.video,
                shot.start,
                shot.end,
                shot.stages,
                shot.reasons(thresholds),
                overrides.get(name),
            )


def read_overrides(path: Path) -> dict[str, Override]:
    """Lines of id, keep or refuse, and a note; none where the file is not there. Raises InputError for other words."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = [
            [cell.strip() for cell in line] for line in csv.reader(file) if any(cell.strip() for cell in line)
        ]
    found = {}
    for number, line in enumerate(lines, 1):
        if number == 1 and line[0].lower() == "id":
            continue
        if len(line) < 2 or line[1].lower() not in (KEEP, REFUSE):
            raise InputError(
                f"{path}, line {number}: {','.join(line)!r} is no decision; give the id of a shot, keep or refuse, and "
                "a note, with commas between them."
            )
        found[line[0]] = Override(line[1].lower(), ", ".join(line[2:]))
    return found


STAGE_NAMES = tuple(stage.name for stage in STAGES)
