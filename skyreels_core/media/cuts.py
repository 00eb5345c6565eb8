"""Where a video is cut: the first frames of its shots, found by a sudden change that lasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import TypeVar

import cv2
import numpy as np
from torch import Tensor

from .footage import Frames

SIDE, CELL, BINS = 64, 16, 8  # pixels of the small picture and of its cells, levels of a channel
LEAST = 0.06  # share of the colours of a place that changes at a cut; where nothing is cut it is about 0.01
SUDDEN = 3.0  # times what changes from frame to frame around it: a pan and a fade are no cuts


T = TypeVar("T")


def find_shots(video: Frames, callback: Callable[[int], None] | None = None) -> Iterator[int]:
    """First frames of the shots of a video, 0 among them. It is read once, as they are asked for; a few frames'
    colours are held.

    `callback` gets the number of every frame and may raise to cancel.
    """
    yield 0
    yield from changes(_colours(video, callback), _difference, LEAST)


def changes(
    items: Iterable[T], distance: Callable[[T, T], float], least: float, sudden: float = SUDDEN
) -> Iterator[int]:
    """Indices from which on items are others: those two are further than `least` from the two before, and `sudden`
    times as far as either two are from each other. So one item that is unlike its neighbours changes nothing.

    A distance of NaN says nothing.
    """
    past: list[T] = []
    for index, (item, following) in enumerate(pairwise(chain(items, [None]))):
        around = [*past, item] if following is None else [*past, item, following]
        split = len(past)
        if split and _is_change(around, split, distance, least, sudden):
            yield index
        past = [*past, item][-2:]


def _is_change(
    around: list[T], split: int, distance: Callable[[T, T], float], least: float, sudden: float
) -> bool:
    before, after = around[:split], around[split:]
    if not distance(before[-1], after[0]) > least:
        return False
    across = [distance(one, other) for one in before for other in after]
    within = [distance(*pair) for pair in (before, after) if len(pair) == 2]
    return min(_known(across)) > max(least, sudden * max(_known(within), default=0.0))


def _known(distances: list[float]) -> list[float]:
    return [value for value in distances if not math.isnan(value)]


def _colours(video: Frames, callback: Callable[[int], None] | None) -> Iterator[np.ndarray]:
    for index, frame in enumerate(video.stream()):
        if callback is not None:
            callback(index)
        yield _histograms(frame)


def _histograms(frame: Tensor) -> np.ndarray:
    """How often each level is in each cell and channel, [cells 3 bins]; a level between two counts for both."""
    small = cv2.resize(frame.cpu().numpy(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = small.clip(0, 1) * (BINS - 1)
    cell = np.arange(SIDE) // CELL
    place = (cell[:, None] * (SIDE // CELL) + cell)[..., None] * 3 + np.arange(3)
    lower = np.minimum(small.astype(np.int64), BINS - 2)
    index, share = place * BINS + lower, small - lower
    length = (SIDE // CELL) ** 2 * 3 * BINS
    counts = np.bincount(index.ravel(), (1 - share).ravel(), length)
    counts += np.bincount(index.ravel() + 1, share.ravel(), length)
    return counts / CELL**2


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the colours that are others, 0..1, averaged over places and channels."""
    return float(np.abs(one - other).sum() / (2 * 3 * (SIDE // CELL) ** 2))
