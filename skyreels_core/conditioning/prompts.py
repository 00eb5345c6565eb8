"""Prompts that change over time.

A window gets one text: that of the span which covers the window's middle. Where two windows overlap, their
predictions are fused by ramps, and so are the texts.
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import InputError
from ..timeline import Timeline, first_frame, frames_of
from ..windows import Window, WindowPlan

GRAMMAR = (
    "Write one prompt per line, after the time in seconds from which it applies: '0 a person smiles', then "
    "'12.5 a person frowns' or '1:05 a person laughs'. Lines that begin with # are ignored."
)
_LINE = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?|[.,]\d+)\s+(\S.*)")


@dataclass(frozen=True)
class PromptSchedule:
    """Texts, each with the seconds from which it holds until the next one does."""

    spans: tuple[tuple[float, str], ...]

    def __post_init__(self) -> None:
        if not self.spans:
            raise InputError(f"The prompt schedule has no prompt. {GRAMMAR}")

    @classmethod
    def of(cls, text: str | PromptSchedule) -> PromptSchedule:
        """A text alone holds from beginning to end."""
        return text if isinstance(text, PromptSchedule) else cls(((0.0, text),))

    @classmethod
    def parse(cls, lines: str) -> PromptSchedule:
        """A schedule in the words of GRAMMAR. Raises InputError that names the line which cannot be used."""
        spans: list[tuple[float, str]] = []
        for number, line in enumerate(lines.splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                spans.append(_span(line.strip(), number))
                _check_order(spans, number)
        return cls(tuple(spans))

    @classmethod
    def read(cls, path: str | Path) -> PromptSchedule:
        """From a file in UTF-8."""
        try:
            return cls.parse(Path(path).read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not a text file in UTF-8. Save it as UTF-8.") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def __str__(self) -> str:
        if len(self.spans) == 1:
            return self.spans[0][1]
        return "; ".join(f"from {start:g} s: {text}" for start, text in self.spans)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.spans)

    def at(self, seconds: float) -> int:
        """The index of the text that holds then."""
        return bisect([start for start, _ in self.spans], seconds) - 1

    def of_window(self, window: Window, fps: float) -> int:
        """The index of the text of a window."""
        return self.at(middle(window, fps))

    def within(self, start: float, end: float) -> PromptSchedule:
        """Those of a part of the video, from `start` to `end` in seconds, by the time in it."""
        spans = self.spans[self.at(start) :]
        return PromptSchedule(tuple((max(time - start, 0.0), text) for time, text in spans if time < end))

    def prompts_for(self, plan: WindowPlan, fps: float) -> list[str]:
        """The text of each window."""
        return [self.texts[self.of_window(window, fps)] for window in plan.windows]

    def unused_prompts(self, plan: WindowPlan, timeline: Timeline) -> list[str]:
        """A line for each text that no window uses, for the user."""
        told = {self.of_window(window, timeline.fps) for window in plan.windows}
        return [
            f"The prompt at {start:g} s is not used: {_reason(start, timeline)}"
            for index, (start, _) in enumerate(self.spans)
            if index not in told
        ]


def middle(window: Window, fps: float) -> float:
    """Seconds from the start of the video to the middle of a window."""
    return (first_frame(window.start) + frames_of(window.length) / 2) / fps


def _span(line: str, number: int) -> tuple[float, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise InputError(f"Line {number} of the prompt schedule, {line!r}, cannot be read. {GRAMMAR}")
    hours, minutes, seconds, text = found.groups()
    return 3600.0 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds.replace(",", ".")), text


def _check_order(spans: list[tuple[float, str]], number: int) -> None:
    if spans[0][0] > 0:
        raise InputError(
            f"Line {number} of the prompt schedule begins at {spans[0][0]:g} s, and there is no prompt before it. "
            "Start the first one at 0."
        )
    for (before, _), (here, _) in pairwise(spans[-2:]):
        if here <= before:
            raise InputError(
                f"Line {number} of the prompt schedule begins at {here:g} s, the prompt before it at {before:g} s. "
                "Sort the lines by time, and use each time once."
            )


def _reason(start: float, timeline: Timeline) -> str:
    if start >= timeline.seconds:
        return f"the video ends at {timeline.seconds:g} s."
    return "no window has its middle in its time. Use shorter windows, or let the prompt apply for longer."
