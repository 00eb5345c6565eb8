"""The metrics that there are, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from .features import Fid, Fvd
from .identity import Identity
from .lips import Lips
from .metric import Figure, Metric
from .niqe import Niqe
from .picture import Flicker, Sharpness
from .sync import Sync
from .weights import Weights
from .whole import Continuity, Outside

KINDS: tuple[type[Metric], ...] = (
    Lips, Sync, Identity, Continuity, Outside, Sharpness, Flicker, Niqe, Fid, Fvd,
)  # fmt: skip
NAMES = tuple(kind.name for kind in KINDS)
FIGURES: dict[str, Figure] = {figure.name: figure for kind in KINDS for figure in kind.figures}


@dataclass(frozen=True)
class Chosen:
    metrics: tuple[Metric, ...]
    left_out: tuple[str, ...]  # a line for each that cannot run, with the file and folder that it needs


def names_in(text: str) -> list[str]:
    """Of metrics, with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]


def choose(names: Sequence[str], weights: Weights) -> Chosen:
    """Those of these names, or all. Raises InputError for a name that no metric has."""
    if unknown := [name for name in names if name not in NAMES]:
        raise InputError(f"There is no metric {unknown[0]}. Choose from {', '.join(NAMES)}.")
    ready, lines = [], []
    for kind in KINDS:
        if names and kind.name not in names:
            continue
        if lacking := weights.lacks(kind.needs.files):
            lines.append(f"{kind.name} is left out. {' '.join(lacking)}")
            continue
        try:
            ready.append(kind(weights))
        except InputError as error:
            lines.append(f"{kind.name} is left out. {error}")
    return Chosen(tuple(ready), tuple(lines))
