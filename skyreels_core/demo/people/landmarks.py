"""The iBUG-68 points of a face as vertices of the shared head."""

from __future__ import annotations

import functools

import numpy as np

from .field import outer_skin
from .head import SKIN, Head
from .mouth import LOWER_ROW, UPPER_ROW

CORNERS = 424, 7184  # of the mouth, MakeHuman's vertices: the person's right and left
NOSE_TIP = 297
JAW_SIDE_Y = (7.22, 7.04, 6.86, 6.70, 6.54, 6.42)  # dm: heights of the outermost points
JAW_FRONT = ((0.30, 6.27), (0.15, 6.20), (0.0, 6.18))  # dm: x and y around the chin
BRIDGE_Y = (7.28, 7.16, 7.03)
NOSTRILS = ((-0.13, 6.83), (-0.065, 6.80), (0.0, 6.79), (0.065, 6.80), (0.13, 6.83))
BROW_X = (0.535, 0.43, 0.325, 0.215, 0.11)  # from the outer end
EYE_SHARES = (1 / 3, 2 / 3)  # from the outer to the inner corner
OUTER_LIP_X = (0.17, 0.07, 0.0)


@functools.lru_cache(maxsize=2)
def landmark_rows(head: Head) -> np.ndarray:
    """[68] rows of the head, iBUG order: jaw, brows, nose, eyes, lips; the person's right comes first."""
    return np.array([*_jaw(head), *_brows(head), *_nose(head), *_eyes(head), *_lips(head)])


def _front(head: Head, x: float, y: float) -> int:
    """The outer vertex nearest to a place as the camera sees it."""
    skin = outer_skin(head)
    skin = skin[head.base[skin, 2] > 0.9]
    return int(skin[np.hypot(head.base[skin, 0] - x, head.base[skin, 1] - y).argmin()])


def _mirrored(head: Head, row: int) -> int:
    return int(np.linalg.norm(head.base - head.base[row] * [-1, 1, 1], axis=1).argmin())


def _jaw(head: Head) -> list[int]:
    skin = outer_skin(head)
    right = []
    for y in JAW_SIDE_Y:
        near = skin[(np.abs(head.base[skin, 1] - y) < 0.05) & (head.base[skin, 2] > 0.4)]
        right.append(int(near[head.base[near, 0].argmin()]))
    right += [_front(head, -x, y) for x, y in JAW_FRONT]
    return [*right, *(_mirrored(head, row) for row in right[-2::-1])]


def _brows(head: Head) -> list[int]:
    right = [
        _front(head, -x, 7.472 + 0.06 * np.sin(2.5 * (x - 0.085) / 0.47) - 0.05 * (x - 0.085) / 0.47)
        for x in BROW_X
    ]
    return [*right, *(_mirrored(head, row) for row in right[::-1])]


def _nose(head: Head) -> list[int]:
    tip = int(head.row(np.array([NOSE_TIP]))[0])
    return [*(_front(head, 0, y) for y in BRIDGE_Y), tip, *(_front(head, x, y) for x, y in NOSTRILS)]


def _eyes(head: Head) -> list[int]:
    rim = np.flatnonzero((head.part == SKIN) & (head.lids > 0.5) & (head.base[:, 0] < 0))
    x, y, _ = head.base[rim].T
    outer, inner = rim[x.argmin()], rim[x.argmax()]
    seam = np.interp(x, [x.min(), x.max()], head.base[[outer, inner], 1])
    points = {}
    for upper in (True, False):
        for share in EYE_SHARES:
            wanted = x.min() + share * (x.max() - x.min())
            side = (y > seam) == upper
            near = np.flatnonzero(side & (np.abs(x - wanted) < 0.02))
            points[upper, share] = int(rim[near[np.abs(y[near] - seam[near]).argmin()]])
    first, second = EYE_SHARES
    right = [
        outer,
        points[True, first],
        points[True, second],
        inner,
        points[False, second],
        points[False, first],
    ]
    left = [_mirrored(head, right[i]) for i in (3, 2, 1, 0, 5, 4)]
    return [*map(int, right), *left]


def _lips(head: Head) -> list[int]:
    right, left = (int(row) for row in head.row(np.array(CORNERS)))
    upper, lower = ([_border(head, -x, top) for x in OUTER_LIP_X] for top in (True, False))
    inner_upper, inner_lower = (head.row(np.array(row)) for row in (UPPER_ROW, LOWER_ROW))
    outer = [
        right,
        *upper,
        *_others(head, upper),
        left,
        *(_mirrored(head, row) for row in lower[:2]),
        *lower[::-1],
    ]
    inner = [inner_upper[0], *inner_upper[[1, 3, 5]], inner_upper[6], *inner_lower[[5, 3, 1]]]
    return [*outer, *map(int, inner)]


def _others(head: Head, rows: list[int]) -> list[int]:
    return [_mirrored(head, row) for row in rows[-2::-1]]


def _border(head: Head, x: float, top: bool) -> int:
    lips = np.flatnonzero((head.part == SKIN) & (head.lips > 0.5) & (np.abs(head.base[:, 0] - x) < 0.03))
    y = head.base[lips, 1] - 3 * np.abs(head.base[lips, 0] - x) * (1 if top else -1)
    return int(lips[y.argmax() if top else y.argmin()])
