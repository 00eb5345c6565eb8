"""The truth about a rendered mouth and its eyes, in the measures that evaluation.reader reads from pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...conditioning.pose import LEFT_EYE, RIGHT_EYE
from .articulation import groups_of, visemes_at
from .landmarks import landmark_rows
from .renderer import LABELS, Renderer
from .takes import Take

OUTER_CORNERS = 36, 45  # iBUG: of the eyes
MIDDLE = slice(6, 11)  # columns of the mouth in which the opening is measured
SEALED, APART = 0.004, 0.045  # dm between the lips: sealed, surely not
INSIDE = tuple(LABELS[name] for name in ("cavity", "teeth", "tongue"))
OPEN_PUPIL = 0.0062  # visible area of an open eye's pupil, in squared distances of the outer eye corners


@dataclass(frozen=True, eq=False)
class Measured:
    """f frames of one take with what is true about them."""

    frames: NDArray[np.uint8]  # [f h w 3]
    landmarks: Tensor  # [f 68 2] pixels
    mouth: Tensor  # [f 5] as evaluation.reader.MEASURES
    groups: Tensor  # [f] number in GROUPS of what is said, -1 for none
    eyes: Tensor  # [f 2] how much of each pupil is visible, the one at the picture's left first


def measure(take: Take, chosen: NDArray[np.int64], size: int, supersampling: int = 2) -> Measured:
    """Frames `chosen` of a take at size x size pixels."""
    renderer, rows = Renderer(take.actor, size, size, supersampling), landmark_rows(take.actor.person.head)
    frames, landmarks, mouth, eyes = [], [], [], []
    for frame in chosen:
        renderer.show(take.performance.state(int(frame)))
        frames.append(renderer.picture())
        places, labels = renderer.places(rows), renderer.labels()
        landmarks.append(places)
        mouth.append(_mouth(take, renderer.moved, labels, places))
        eyes.append(_eyes(labels, places))
    instants = (chosen + 0.5) / take.performance.fps
    groups = torch.from_numpy(groups_of(visemes_at(take.speech.phones, instants)))
    stacked = (torch.from_numpy(np.stack(part).astype(np.float32)) for part in (landmarks, mouth, eyes))
    places, mouths, pupils = stacked
    return Measured(np.stack(frames), places, mouths, groups, pupils)


def _mouth(take: Take, moved: NDArray, labels: NDArray, places: NDArray) -> tuple[float, ...]:
    person, unit = take.actor.person, _unit(places)
    right, left = landmark_rows(person.head)[list(OUTER_CORNERS)]
    of_face = np.linalg.norm(person.rest[left] - person.rest[right])
    gaps = person.mouth.gaps(moved)[MIDDLE].clip(0)
    closure = 1 - np.clip((gaps.max() - SEALED) / (APART - SEALED), 0, 1)
    x, y = places[48:68].mean(0).astype(int)
    reach = round(0.45 * unit)
    near = labels[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    teeth, inside = ((np.isin(near, numbers)).sum() / unit**2 for numbers in (LABELS["teeth"], INSIDE))
    width = np.linalg.norm(places[54] - places[48]) / unit
    return float(gaps.mean() / of_face), float(width), float(teeth), float(closure), float(inside)


def _eyes(labels: NDArray, places: NDArray) -> tuple[float, float]:
    """Each pupil's visible area against that of an open eye."""
    unit, reach = _unit(places), round(0.22 * _unit(places))
    areas = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        x, y = places[eye].mean(0).astype(int)
        near = labels[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        areas.append(float((near == LABELS["pupil"]).sum() / unit**2 / OPEN_PUPIL))
    return areas[0], areas[1]


def _unit(places: NDArray) -> float:
    return float(np.linalg.norm(places[OUTER_CORNERS[1]] - places[OUTER_CORNERS[0]]))
