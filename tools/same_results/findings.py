"""What a probe found in a tree, by name, and how the findings of two trees compare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ARRAYS, TEXTS = "found.npz", "found.json"


@dataclass(frozen=True)
class Refusal:
    """A sentence instead of a result, where a tree may refuse what it is asked for."""

    sentence: str


# An array is equal in every number, a text in every letter; a list may have more at its end.
Words = str | list[str] | Refusal
Finding = np.ndarray | Words
Findings = dict[str, Finding]
Json = str | list[str] | dict[str, str]


@dataclass(frozen=True)
class Row:
    name: str
    shape: str
    difference: str
    verdict: str

    @property
    def passes(self) -> bool:
        return self.verdict in ("equal", "added", "refused")

    @property
    def measured(self) -> bool:
        """Whether numbers were compared."""
        return self.shape.startswith(("float", "uint"))


def save(findings: Findings, folder: Path) -> None:
    arrays = {name: value for name, value in findings.items() if isinstance(value, np.ndarray)}
    texts = {name: as_json(value) for name, value in findings.items() if not isinstance(value, np.ndarray)}
    np.savez(folder / ARRAYS, *arrays.values())
    part = folder / f"{TEXTS}.part"
    part.write_text(json.dumps({"arrays": list(arrays), "texts": texts}), encoding="utf-8")
    part.replace(folder / TEXTS)  # last: a run that was interrupted has kept nothing


def load(folder: Path) -> Findings | None:
    """None where nothing whole was kept."""
    if not (folder / TEXTS).is_file():
        return None
    kept = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    with np.load(folder / ARRAYS) as arrays:
        found: Findings = {name: arrays[f"arr_{index}"] for index, name in enumerate(kept["arrays"])}
    return found | {name: from_json(value) for name, value in kept["texts"].items()}


def as_json(value: Words) -> Json:
    return {"refusal": value.sentence} if isinstance(value, Refusal) else value


def from_json(value: Json) -> Words:
    return Refusal(value["refusal"]) if isinstance(value, dict) else value


def compare(old: Findings, new: Findings) -> Iterator[Row]:
    for name in (*old, *(name for name in new if name not in old)):
        if name not in new:
            yield Row(name, shape_of(old[name]), "", "missing")
        elif name not in old:
            yield Row(name, shape_of(new[name]), "", "added")
        else:
            yield compared(name, old[name], new[name])


def compared(name: str, old: Finding, new: Finding) -> Row:
    if isinstance(new, Refusal):
        return Row(name, "", new.sentence, "refused" if len(new.sentence.splitlines()) == 1 else "differs")
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return of_arrays(name, old, new)
    if isinstance(old, list) and isinstance(new, list):
        return of_lists(name, old, new)
    if isinstance(old, str) and old == new:
        return Row(name, "text", "", "equal")
    return Row(name, shape_of(new), f"{shown(old)} -> {shown(new)}", "differs")


def same(old: Finding, new: Finding) -> bool:
    return compared("", old, new).verdict == "equal"


def of_arrays(name: str, old: np.ndarray, new: np.ndarray) -> Row:
    if old.shape != new.shape or old.dtype != new.dtype:
        return Row(name, shape_of(new), f"was {shape_of(old)}", "differs")
    equal = np.array_equal(old, new, equal_nan=old.dtype.kind == "f")
    apart = np.abs(old.astype(np.float64) - new.astype(np.float64))
    return Row(name, shape_of(new), f"{apart.max():.3g}" if apart.size else "0", verdict(equal))


def of_lists(name: str, old: list[str], new: list[str]) -> Row:
    if new[: len(old)] != old:
        return Row(name, f"{len(new)} entries", f"{old} -> {new}", "differs")
    more = f"more at the end: {', '.join(new[len(old) :])}" if len(new) > len(old) else ""
    return Row(name, f"{len(new)} entries", more, "added" if more else "equal")


def verdict(equal: bool) -> str:
    return "equal" if equal else "differs"


def shape_of(value: Finding) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {'x'.join(map(str, value.shape)) or 'scalar'}"
    return f"{len(value)} entries" if isinstance(value, list) else "text"


def shown(value: Finding) -> str:
    if isinstance(value, np.ndarray):
        return shape_of(value)
    text = value.sentence if isinstance(value, Refusal) else str(value)
    return text if len(text) <= 200 else f"{text[:200]} ..."
