"""What is generated: every combination of the inputs under every setting, with every seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path

from ..api.evaluation import LANDMARKS, matching
from ..pipeline.region import PICTURES
from .lists import SHOWN, beside, read_text
from .material import Material
from .spec import NEXT, OWN, Benchmark, Combine, Setting


@dataclass(frozen=True)
class Combination:
    """Of inputs. number: from 0, the same under every setting."""

    number: int
    shown: Path  # the portrait, or the clip that is edited
    voice: Path
    prompt: str
    keypoints: Path | None = None
    mask: Path | None = None

    @property
    def label(self) -> str:
        own = self.shown == self.voice
        return self.shown.stem if own else f"{self.shown.stem} x {self.voice.stem}"


@dataclass(frozen=True)
class Cell:
    """One video."""

    setting: Setting
    inputs: Combination
    seed: int

    @property
    def label(self) -> str:
        return f"{self.setting.name}, {self.inputs.label}, seed {self.seed}"


def cells_of(
    benchmark: Benchmark, setting: Setting, material: Material, limit: int | None = None
) -> Iterator[Cell]:
    """Of one setting, `limit` combinations of them at most."""
    for number, inputs in enumerate(combinations(benchmark, material)):
        if limit is not None and number >= limit:
            return
        for seed in benchmark.inputs.seeds:
            yield Cell(setting, inputs, seed)


def combinations(benchmark: Benchmark, material: Material) -> Iterator[Combination]:
    """In the order of the lists. A voice or a prompt that belongs to a portrait is not combined with others."""
    inputs, shown, voices = benchmark.inputs, material.sources, material.voices
    tied = inputs.voices in (OWN, NEXT)
    prompts = [""] if inputs.prompts == OWN else list(inputs.prompts)
    sizes = len(shown), 1 if tied else len(voices), len(prompts)
    for number, (i, j, k) in enumerate(indices(inputs.combine, sizes)):
        text = prompt_beside(shown[i]) if inputs.prompts == OWN else prompts[k]
        marks = marks_of(benchmark, shown[i])
        yield Combination(number, shown[i], voices[i if tied else j], text, *marks)


def indices(combine: Combine, sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Places in lists of these sizes."""
    if combine.how == "zip":
        yield from (tuple(number % size for size in sizes) for number in range(max(sizes)))
    elif combine.how == "product" or combine.count >= prod(sizes):
        yield from product(*map(range, sizes))
    else:
        drawn = random.Random(combine.seed).sample(range(prod(sizes)), combine.count)
        yield from (places(number, sizes) for number in sorted(drawn))


def places(number: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Of the number-th of all products."""
    found: list[int] = []
    for size in reversed(sizes):
        number, place = divmod(number, size)
        found.insert(0, place)
    return tuple(found)


def prompt_beside(shown: Path) -> str:
    file = beside(shown, ".txt")
    return "" if file is None else " ".join(read_text(file).split())


def marks_of(benchmark: Benchmark, shown: Path) -> tuple[Path | None, Path | None]:
    """Keypoints and mask."""
    keypoints, masks = benchmark.region.keypoints, benchmark.region.masks
    return _mark(keypoints, shown, LANDMARKS), _mark(masks, shown, (*PICTURES, *SHOWN))


def _mark(given: Path | None, shown: Path, endings: tuple[str, ...]) -> Path | None:
    if given is None:
        return None
    if given == Path(OWN):
        return next(
            (file for ending in endings if (file := beside(shown, ending)) not in (None, shown)), None
        )
    return matching(given, shown, endings)
