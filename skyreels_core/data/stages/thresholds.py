"""The thresholds of the funnel, from YAML: the shipped ones, and what a file changes of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ...errors import InputError, first_words

SHIPPED = "thresholds.yaml"

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Thresholds:
    """By stage, then by name."""

    sections: Mapping[str, Section]

    @classmethod
    def shipped(cls) -> Thresholds:
        return cls(
            yaml.safe_load(
                resources.files("skyreels_core.data").joinpath(SHIPPED).read_text(encoding="utf-8")
            )
        )

    @classmethod
    def read(cls, path: Path | None) -> Thresholds:
        """The shipped ones with the changes of a file. Raises InputError with the line's name for what is not known
        and for values of another type."""
        shipped = cls.shipped()
        if path is None:
            return shipped
        try:
            given = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path} cannot be read as YAML ({first_words(error)}).") from error
        return shipped.changed(given, path)

    def changed(self, given: Any, path: Path) -> Thresholds:
        if not isinstance(given, Mapping):
            raise InputError(f"{path} holds no sections; it needs some of {', '.join(self.sections)}.")
        sections = {name: dict(section) for name, section in self.sections.items()}
        for stage, section in given.items():
            known = sections.get(stage)
            if known is None:
                raise InputError(f"{path}: there is no stage {stage!r}; there are {', '.join(sections)}.")
            if not isinstance(section, Mapping):
                raise InputError(f"{path}: {stage} needs lines such as `{next(iter(known))}: ...` under it.")
            for name, value in section.items():
                known[name] = _checked(path, stage, name, value, known)
        return Thresholds(sections)

    def __getitem__(self, stage: str) -> Section:
        return self.sections[stage]


def _checked(path: Path, stage: str, name: str, value: Any, known: Section) -> Any:
    if name not in known:
        raise InputError(f"{path}: {stage} has no {name!r}; it has {', '.join(known)}.")
    wanted = known[name]
    numbers = isinstance(wanted, int | float) and isinstance(value, int | float)
    number = numbers and not isinstance(value, bool) and math.isfinite(value)
    words = isinstance(wanted, list) and isinstance(value, list) and all(isinstance(v, str) for v in value)
    if not (number or words or (isinstance(wanted, str) and isinstance(value, str))):
        kind = {str: "text", list: "a list of words"}.get(type(wanted), "a number")
        raise InputError(f"{path}: {stage}.{name} is {value!r}; give {kind}, such as {wanted!r}.")
    if name == "command":
        _splits(path, stage, str(value))
    return value


def _splits(path: Path, stage: str, command: str) -> None:
    try:
        shlex.split(command)
    except ValueError as error:
        raise InputError(f"{path}: {stage}.command is {command!r} ({error}); close every quote.") from error
