"""Weights files that the user gives, looked up by their usual names in a few folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError


@dataclass(frozen=True)
class WeightsFile:
    names: tuple[str, ...]  # usual ones, the published one first
    what: str

    def __str__(self) -> str:
        return f"{self.what}, {' or '.join(self.names)}"


@dataclass(frozen=True)
class Weights:
    """The folders of --weights-dir; in each, files lie directly or one folder below."""

    folders: Sequence[Path] = ()

    def find(self, file: WeightsFile) -> Path | None:
        for folder in self.folders:
            for name in file.names:
                for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
                    if path.is_file():
                        return path
        return None

    def path(self, file: WeightsFile) -> Path:
        """Raises InputError where it is missing."""
        if found := self.find(file):
            return found
        raise InputError(f"There is no {file.names[0]} in {self}. {self.remedy(file)}")

    def lacks(self, files: Sequence[WeightsFile]) -> list[str]:
        return [self.remedy(file) for file in files if self.find(file) is None]

    def remedy(self, file: WeightsFile) -> str:
        return f"Put {file} into {self}."

    def __str__(self) -> str:
        return (
            " or ".join(str(folder) for folder in self.folders)
            or "a folder, and name that with --weights-dir (weights in a benchmark's specification)"
        )
