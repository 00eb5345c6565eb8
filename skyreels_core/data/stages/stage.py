"""What a stage of the funnel is: columns that it measures of a shot, and rules that refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from ...evaluation.metrics.results import stamp
from ...evaluation.metrics.weights import Weights
from .shot import Shot
from .thresholds import Section

Value = float | str | None
Values = Mapping[str, Value]

LEAST = "least_"


@dataclass(frozen=True)
class Tools:
    """What stages are given: folders with weights, a folder with Whisper, and the thresholds' section of each."""

    weights: Weights
    whisper: Path | None
    sections: Mapping[str, Section]


@dataclass(frozen=True)
class Rule:
    """A shot is refused where `column` is beyond the threshold `least_...` or `most_...`; what could not be measured is
    not judged."""

    column: str
    threshold: str
    what: str  # is wrong, in words

    def reason(self, values: Values, section: Section) -> str:
        value, limit = values.get(self.column), section[self.threshold]
        if not isinstance(value, int | float):
            return ""
        least = self.threshold.startswith(LEAST)
        if value >= limit if least else value <= limit:
            return ""
        return f"{self.what}: {self.column} {value:.4g}, {'at least' if least else 'at most'} {limit:g}"


class Stage(Protocol):
    name: ClassVar[str]
    version: ClassVar[int]  # another one where the same shot measures otherwise: it is measured again
    columns: ClassVar[Mapping[str, type]]  # float or str; any may be None
    rules: ClassVar[Sequence[Rule]]

    def measure(self, shot: Shot, tools: Tools) -> Values: ...

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        """Files and words that it is measured with; with others it is measured again."""
        ...

    def refuse(self, values: Values, section: Section) -> Sequence[str]:
        """Why, a line for each; none where the shot is kept."""
        ...


class Ruled:
    """A stage whose rules say everything."""

    rules: ClassVar[Sequence[Rule]] = ()

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        return ()

    def refuse(self, values: Values, section: Section) -> Sequence[str]:
        return [reason for rule in self.rules if (reason := rule.reason(values, section))]


def state_of(stage: Stage, tools: Tools) -> str:
    """What a measurement is kept under: the version of the stage and what it uses."""
    used = [one if isinstance(one, str) else stamp(one) for one in stage.uses(tools)]
    return ", ".join([str(stage.version), *used])
