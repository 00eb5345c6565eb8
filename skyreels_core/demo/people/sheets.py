"""Contact sheets of the demo's people, to judge them by eye."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from ...media.sound import Audio
from ...media.writing import write_picture, write_video
from ...timeline import SAMPLE_RATE
from .actor import Actor
from .identity import MOODS, Identity
from .person import pose
from .renderer import FaceState, HeadTurn, Renderer
from .takes import Take, film
from .visemes import VISEMES

FPS = 25.0
EXPRESSIONS = {  # of the sheet of people: mouth, and how the head is turned
    "at rest": ({"seal": 1}, HeadTurn(0, 2)), "aa": (VISEMES["aa"], HeadTurn(-3, 2)),
    "U": (VISEMES["U"], HeadTurn(3, 2)), "I": (VISEMES["I"], HeadTurn(0, 2)),
    "blink": ({"seal": 1, "eyeBlink": 1}, HeadTurn(0, 2)), "turned": ({"seal": 1}, HeadTurn(16, 3, 2)),
}  # fmt: skip


def people_sheet(path: Path, numbers: Sequence[int], size: int, data: str | None = None) -> None:
    """One row a person: at rest, three sounds, a blink, turned."""
    rows = []
    for number in numbers:
        renderer = Renderer(Actor.of(Identity.draw(number), data), size, size)
        rows.append([_face(renderer, mouth, turn) for mouth, turn in EXPRESSIONS.values()])
    _write(path, rows)


def faces_sheet(
    path: Path, numbers: Sequence[int], size: int, data: str | None = None, columns: int = 8
) -> None:
    """Many people, each once."""
    faces = [
        _face(
            Renderer(Actor.of(Identity.draw(n), data), size, size),
            {"seal": 1},
            HeadTurn((n * 37) % 17 - 8, 2),
        )
        for n in numbers
    ]
    _write(path, [faces[i : i + columns] for i in range(0, len(faces), columns)])


def viseme_sheet(path: Path, numbers: Sequence[int], size: int, data: str | None = None) -> None:
    """All visemes of each person, the lower face twice as large."""
    rows = []
    for number in numbers:
        renderer = Renderer(Actor.of(Identity.draw(number), data), 2 * size, 2 * size)
        tiles = [
            _titled(_lower_half(_face(renderer, mouth, HeadTurn())), name) for name, mouth in VISEMES.items()
        ]
        rows += [tiles[:8], tiles[8:]]
    _write(path, rows)


def talk_sheet(path: Path, number: int, size: int, data: str | None = None, columns: int = 12) -> None:
    """Every second frame of a take, with the sound that is heard; beside it the take as a video."""
    take = Take.draw(number, FPS, data=data)
    footage = film(take.actor, take.performance, size, size)
    tiles = []
    for frame in range(0, len(footage.frames), 2):
        instant = (frame + 0.5) / FPS
        heard = next((p.name for p in take.speech.phones if p.start <= instant < p.end), "")
        tiles.append(_titled(footage.frames[frame], f"{frame} {heard}"))
    _write(path, [tiles[i : i + columns] for i in range(0, len(tiles), columns)])
    write_take(path.with_suffix(".mp4"), footage.frames, take)


def write_take(path: Path, frames: np.ndarray, take: Take) -> None:
    voice = Audio(take.speech.samples[None], SAMPLE_RATE)
    write_video(
        path, (torch.from_numpy(frame).float() / 255 for frame in frames), take.performance.fps, voice
    )


def _face(renderer: Renderer, mouth: dict[str, float], turn: HeadTurn) -> np.ndarray:
    head = renderer.actor.person.head
    shape = pose(head, **mouth)
    mood = pose(head, **MOODS[renderer.actor.identity.mood]) * (1 - 0.6 * shape[-2])
    renderer.show(FaceState(mood + shape, turn, (-0.9 * turn.yaw, -0.9 * turn.pitch)))
    return renderer.picture()


def _lower_half(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return picture[height // 2 : height * 7 // 8, width // 4 : width * 3 // 4]


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    picture = np.ascontiguousarray(picture)
    for colour, thickness in (((255, 255, 255), 3), ((0, 0, 0), 1)):
        cv2.putText(picture, title, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thickness, cv2.LINE_AA)
    return picture


def _write(path: Path, rows: Iterable[Sequence[np.ndarray]]) -> None:
    rows = [list(row) for row in rows]
    most = max(map(len, rows))
    blank = np.full_like(rows[0][0], 255)
    sheet = np.concatenate([np.concatenate(row + [blank] * (most - len(row)), axis=1) for row in rows])
    write_picture(path, torch.from_numpy(sheet).float() / 255)
