"""Guidance over named branches (Eq. 3 of the paper), with weights that follow a schedule.

Eq. 3 as printed has coefficients that sum to 2; this is the consistent form
u = u_null + s_text (u_noaudio - u_null) + s_audio (u_full - u_noaudio).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .schedule import SigmaGrid, Sigmas

GRAMMAR = (
    "Write '4.5' (constant), 'linear:5->1', 'cosine:5->1@0.4' (over the first 40 % of the steps, then the "
    "end value), 'interval:4.5@0.2-0.8' (inside, 1 outside) or 'piecewise:0=5,0.4=1,1=1' (position=value, "
    "straight lines between)."
)
AUDIO_SCHEDULE = "4.5"
TEXT_SCHEDULE = "cosine:5->1@0.4"
LARGEST_SCALE = 1000

Schedule = Callable[[float], float]  # progress through the full schedule, 0..1 -> guidance scale


def _check_positions(*positions: float) -> None:
    rising = all(here < after for here, after in pairwise(positions))
    if not (rising and positions[0] >= 0 and positions[-1] <= 1):
        given = ", ".join(f"{position:g}" for position in positions)
        raise InputError(f"The positions {given} of a guidance schedule must increase within 0..1. {GRAMMAR}")


@dataclass(frozen=True)
class Constant:
    value: float

    def __call__(self, progress: float) -> float:
        return self.value


@dataclass(frozen=True)
class Linear:
    start: float
    end: float
    until: float = 1.0  # progress at which `end` is reached

    def __post_init__(self) -> None:
        _check_positions(0, self.until)

    def __call__(self, progress: float) -> float:
        done = min(progress / self.until, 1.0)
        return (1 - done) * self.start + done * self.end


@dataclass(frozen=True)
class Cosine(Linear):
    def __call__(self, progress: float) -> float:
        done = (1 - math.cos(math.pi * min(progress / self.until, 1.0))) / 2
        return (1 - done) * self.start + done * self.end


@dataclass(frozen=True)
class Interval:
    """`value` from `first` to `last`, both included, and 1 (no guidance) outside: arXiv 2404.07724."""

    value: float
    first: float
    last: float

    def __post_init__(self) -> None:
        _check_positions(self.first, self.last)

    def __call__(self, progress: float) -> float:
        return self.value if self.first <= progress <= self.last else 1.0


@dataclass(frozen=True)
class Piecewise:
    """Straight lines between (position, value) points; the first and last value hold beyond them."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _check_positions(*(position for position, _ in self.points))

    def __call__(self, progress: float) -> float:
        positions, values = zip(*self.points, strict=True)
        return float(np.interp(progress, positions, values))


def _piecewise(*flat: float) -> Piecewise:
    return Piecewise(tuple(zip(flat[::2], flat[1::2], strict=True)))


_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)"
_POINT = rf"{_NUMBER}={_NUMBER}"
_FORMS: tuple[tuple[str, Callable[..., Schedule]], ...] = (
    (rf"{_NUMBER}", Constant),
    (rf"linear:{_NUMBER}->{_NUMBER}(?:@{_NUMBER})?", Linear),
    (rf"cosine:{_NUMBER}->{_NUMBER}(?:@{_NUMBER})?", Cosine),
    (rf"interval:{_NUMBER}@\d*\.?\d+-\d*\.?\d+", Interval),
    (rf"piecewise:{_POINT}(?:,{_POINT})*", _piecewise),
)


def parse_schedule(text: str) -> Schedule:
    """A schedule from its text; raises InputError, with the grammar, for any other text."""
    compact = re.sub(r"\s", "", text)
    for form, build in _FORMS:
        if re.fullmatch(form, compact):
            numbers = re.split(r"->|[:@=,]|(?<=[\d.])-", compact)
            values = [float(number) for number in numbers if not number.isalpha()]
            if max(map(abs, values)) > LARGEST_SCALE:
                raise InputError(
                    f"The guidance schedule {text[:60]!r} has numbers beyond {LARGEST_SCALE}. {GRAMMAR}"
                )
            return build(*values)
    raise InputError(f"The guidance schedule {text!r} cannot be read. {GRAMMAR}")


class Branch(NamedTuple):
    """What a branch of the guidance is conditioned on; without the voice it skips the audio layers."""

    text: bool
    audio: bool

    def __str__(self) -> str:
        seen = [name for name, there in (("text", self.text), ("voice", self.audio)) if there]
        return " and ".join(seen) or "neither text nor voice"


BRANCHES = {
    "full": Branch(text=True, audio=True),
    "noaudio": Branch(text=True, audio=False),
    "notext": Branch(text=False, audio=True),
    "null": Branch(text=False, audio=False),
}


@dataclass(frozen=True)
class GuidanceRule:
    """A coefficient for each branch: constant + of_text s_text + of_audio s_audio. For any scales they sum to
    one, so that velocities and x0 combine alike."""

    rows: Mapping[str, tuple[float, float, float]]  # branch -> (constant, of_text, of_audio)

    def __call__(self, text: float, audio: float) -> dict[str, float]:
        return {
            branch: constant + of_text * text + of_audio * audio
            for branch, (constant, of_text, of_audio) in self.rows.items()
        }


EQ3 = GuidanceRule({"full": (0, 0, 1), "noaudio": (0, 1, -1), "null": (1, -1, 0)})
# U + text (C - dropText) + audio (dropText - U), as the MultiTalk family publishes it
MULTITALK = GuidanceRule({"full": (0, 1, 0), "notext": (0, -1, 1), "null": (1, 0, -1)})
NEGLIGIBLE = 1e-9  # a coefficient this small is rounding

Rule = Callable[[float, float], dict[str, float]]  # (text, audio) -> coefficients


def multitalk(text: float, audio: float) -> dict[str, float]:
    """Where the text has no guidance, the branch without voice keeps the text: published too."""
    return (EQ3 if abs(text - 1) < NEGLIGIBLE else MULTITALK)(text, audio)


RULES: dict[str, Rule] = {"eq3": EQ3, "multitalk": multitalk}


def no_text_line(text: str) -> str:
    """What is said where the text's branch would see what the one without it sees."""
    return (
        f"There is no prompt: text guidance is off instead of {text}, which saves its forward passes and changes "
        "nothing else."
    )


@dataclass(frozen=True)
class GuidanceSettings:
    """Both scales in the words of `parse_schedule`; raises InputError for words that it cannot read."""

    audio: str = AUDIO_SCHEDULE
    text: str = TEXT_SCHEDULE
    rule: str | None = None  # a name of RULES; None: the model family's own

    def __post_init__(self) -> None:
        parse_schedule(self.audio)
        parse_schedule(self.text)

    def over(self, sigmas: Sigmas, family_rule: str = "eq3") -> Guidance:
        """The guidance of a run whose full schedule is `sigmas`."""
        rule = RULES[self.rule or family_rule]
        return Guidance(parse_schedule(self.text), parse_schedule(self.audio), rule, sigmas)


class Guidance:
    """Both scales as functions of sigma over the FULL schedule `sigmas`: a split or partial run keeps its
    place in it."""

    def __init__(self, text: Schedule, audio: Schedule, rule: Rule, sigmas: Sigmas) -> None:
        self.text, self.audio, self.rule = text, audio, rule
        self.grid = SigmaGrid(sigmas)

    def coefficients(self, sigma: float) -> dict[str, float]:
        """The coefficient of each branch that is needed at `sigma`; they sum to one."""
        progress = self.grid.progress(sigma)
        coefficients = self.rule(self.text(progress), self.audio(progress))
        return {branch: value for branch, value in coefficients.items() if abs(value) > NEGLIGIBLE}
