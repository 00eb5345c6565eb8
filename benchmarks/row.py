"""A row of docs/results.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    claim: str
    bar: str
    measured: str
    reached: bool | None = None  # None: there is no bar, or a test asserts it

    def markdown(self, command: str) -> str:
        mark = {None: "", True: " ✓", False: " **(not reached)**"}[self.reached]
        return f"| {self.claim} | {self.bar} | {self.measured}{mark} | `{command}` |\n"
