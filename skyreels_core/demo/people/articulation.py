"""What a mouth does at an instant of speech, as numbers that a speech encoder can learn to tell."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .head import Head
from .person import channels
from .visemes import LEAD, VISEMES, Phone, mouth_track, visemes_of

NAMES = tuple(VISEMES)
GROUPS = {
    "closed": ("PP",),
    "teeth": ("FF", "SS"),
    "rounded": ("O", "U"),
    "open": ("aa", "E"),
}  # told apart by eye


@functools.lru_cache(maxsize=2)
def mouth_channels(head: Head) -> tuple[str, ...]:
    """The numbers of a pose that some viseme moves; of a pair of sides the left one stands for both."""
    used = {name for weights in VISEMES.values() for name in weights}
    return tuple(name for name in channels(head) if name.removesuffix("Left") in used)


def articulation(head: Head, phones: Sequence[Phone], instants: NDArray) -> NDArray[np.float32]:
    """The pose's `mouth_channels` [n k] at instants [n] (seconds): opening, closure, rounding, teeth."""
    columns = [channels(head).index(name) for name in mouth_channels(head)]
    return mouth_track(head, phones, instants)[:, columns]


def visemes_at(phones: Sequence[Phone], instants: NDArray) -> NDArray[np.int64]:
    """Number in NAMES of the viseme that the lips show at instants [n]: they are LEAD seconds ahead of the sound."""
    edges, numbers = [], []
    for phone in phones:
        parts = visemes_of(phone.name)
        edges += np.linspace(phone.start, phone.end, len(parts) + 1)[:-1].tolist()
        numbers += [NAMES.index(part) for part in parts]
    at = np.searchsorted(edges, instants + LEAD, side="right") - 1
    return np.array(numbers)[at.clip(0)]


def groups_of(visemes: NDArray) -> NDArray[np.int64]:
    """Number in GROUPS of each viseme, -1 for those of none."""
    table = np.full(len(NAMES), -1)
    for number, members in enumerate(GROUPS.values()):
        table[[NAMES.index(name) for name in members]] = number
    return table[visemes]
