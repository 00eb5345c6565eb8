"""How well a generated person talks, against the rendered one that said the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .agreement import correlation
from .confusion import Confusion
from .reader import GROUPS, Seen

FOLLOWED = ("opening", "width", "teeth")
CLOSED = GROUPS.index("closed")
SHUT, NEAR = 0.5, 1  # closure from which lips are closed; frames around a sound in which they may be
LEAST_MOVEMENT = 1e-4  # deviation of a measure below which there is nothing to follow


@dataclass(frozen=True, eq=False)
class Talking:
    """Of one clip."""

    # Pearson's r at lag 0 of each of FOLLOWED, 0 where nothing moves; left out where the rendered one is still
    follows: dict[str, float]
    closures: tuple[int, int]  # of p b m: closed in the generated one, closed in the rendered one
    pupils: float  # share of the rendered one's frames with both pupils in which both are visible here too
    lost: int  # frames of the longest stretch without both pupils
    visemes: Confusion


def compare(made: Seen, rendered: Seen, groups: NDArray) -> Talking:
    """made, rendered: the same frames; groups [f]: number in GROUPS of what is said, -1 for none."""
    frames = min(len(made.opening), len(rendered.opening), len(groups))
    pairs = {name: [getattr(s, name)[:frames].numpy() for s in (made, rendered)] for name in FOLLOWED}
    follows = {
        name: correlation(a, b) if a.std() > 0 else 0.0
        for name, (a, b) in pairs.items()
        if b.std() > LEAST_MOVEMENT
    }
    sounds = closures_of(groups[:frames])
    expected = [sound for sound in sounds if _shut(rendered.closure, sound)]
    hit = sum(_shut(made.closure, sound) for sound in expected)
    both, wanted = made.both_pupils[:frames], rendered.both_pupils[:frames]
    return Talking(
        follows,
        (hit, len(expected)),
        float((both & wanted).sum() / wanted.sum().clamp_min(1)),
        longest(~both),
        Confusion.of(GROUPS, groups[:frames], made.groups[:frames].argmax(1).numpy()),
    )


def closures_of(groups: NDArray) -> list[slice]:
    """The frames of each p b m, and those beside them."""
    sounds, at = [], 0
    for group, members in groupby(groups.tolist()):
        length = len(list(members))
        if group == CLOSED:
            sounds.append(slice(max(0, at - NEAR), at + length + NEAR))
        at += length
    return sounds


def _shut(closure: Tensor, sound: slice) -> bool:
    return bool((closure[sound] > SHUT).any())


def longest(flags: Tensor) -> int:
    """Length of the longest run of True in [f]."""
    runs = (len(list(members)) for flag, members in groupby(flags.tolist()) if flag)
    return max(runs, default=0)


def summary(talkings: Sequence[Talking]) -> dict[str, float | str]:
    """Figures over clips: medians of r, shares of all closures and frames, the confusion of all frames."""
    figures: dict[str, float | str] = {}
    for name in FOLLOWED:
        values = [t.follows[name] for t in talkings if name in t.follows]
        if values:
            figures[f"{name}_median"], figures[f"{name}_quartile"] = np.percentile(values, [50, 25]).tolist()
    closed, expected = (sum(t.closures[i] for t in talkings) for i in range(2))
    figures["closed"], figures["closures"] = closed / max(expected, 1), expected
    figures["pupils"] = float(np.mean([t.pupils for t in talkings]))
    figures["frames_lost"] = max(t.lost for t in talkings)
    together = Confusion(GROUPS, sum((t.visemes.counts for t in talkings), np.zeros((4, 4), np.int64)))
    figures["visemes_balanced"], figures["visemes_chance"] = together.balanced, together.chance
    figures["visemes"] = together.table()
    return figures
