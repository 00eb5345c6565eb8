"""Takes as raw pictures on the disk, which training reads in any order without decoding a video.

Each take is `take_<number>.npy`, uint8 [f h w 3], and `take_<number>.npz`, written last: `voice` (the bytes of an Opus
file), `landmarks` (float32 [f 68 2], pixels), `poses` (float32 [f k], as articulation.mouth_channels names them),
`visemes` (int64 [f]) and `caption`.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError
from ...files import atomic
from .articulation import mouth_channels, visemes_at
from .carried import carried_speech, carried_take, packed_voice, unpacked_voice
from .landmarks import landmark_rows
from .person import channels
from .renderer import Renderer
from .takes import Take

RESCANNED = 5.0  # s: how often a folder that is being filled is looked at again


@dataclass(frozen=True)
class Shooting:
    """How takes are rendered into a folder; speech: the file that `carry_speech` made."""

    folder: Path
    speech: Path
    width: int
    height: int
    fps: float = 25.0
    supersampling: int = 2
    data: Path | None = None  # of the mesh; that of the installed distribution by default

    def facts(self, number: int) -> Path:
        return self.folder / f"take_{number:08d}.npz"


def shoot(shooting: Shooting, numbers: Iterable[int], processes: int) -> Iterator[int]:
    """Render the takes that the folder lacks, giving each one's number when it is whole."""
    shooting.folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in numbers if not shooting.facts(number).exists()]
    if not missing:
        return
    # One thread each: software OpenGL and BLAS would otherwise start as many threads in every process.
    os.environ.update({"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(functools.partial(_shoot, shooting), missing)


def _shoot(shooting: Shooting, number: int) -> int:
    torch.set_num_threads(1)
    take = carried_take(number, carried_speech(shooting.speech, number), shooting.fps, shooting.data)
    frames, landmarks = film(take, shooting.width, shooting.height, shooting.supersampling)
    head, instants = take.actor.person.head, (np.arange(len(frames)) + 0.5) / shooting.fps
    columns = [channels(head).index(name) for name in mouth_channels(head)]
    facts = shooting.facts(number)
    with atomic(facts.with_suffix(".npy")) as part, part.open("wb") as stream:
        np.save(stream, frames)
    with atomic(facts) as part, part.open("wb") as stream:
        np.savez(
            stream, voice=packed_voice(take.speech.samples), landmarks=landmarks, caption=take.caption,
            poses=take.performance.poses[:, columns], visemes=visemes_at(take.speech.phones, instants),
        )  # fmt: skip
    return number


def film(
    take: Take, width: int, height: int, supersampling: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Frames [f h w 3] and landmarks [f 68 2] in pixels."""
    renderer, rows = Renderer(take.actor, width, height, supersampling), landmark_rows(take.actor.person.head)
    frames, landmarks = [], []
    for frame in range(len(take.performance)):
        renderer.show(take.performance.state(frame))
        frames.append(renderer.picture())
        landmarks.append(renderer.places(rows))
    return np.stack(frames), np.stack(landmarks)


@dataclass(frozen=True, eq=False)
class Shard:
    """A take on the disk; `frames` are read when they are used."""

    frames: NDArray[np.uint8]  # [f h w 3]
    landmarks: Tensor  # [f 68 2] pixels
    poses: NDArray[np.float32]  # [f k]
    visemes: NDArray[np.int64]  # [f]
    voice: NDArray[np.uint8]
    caption: str

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def samples(self) -> Tensor:
        return unpacked_voice(self.voice)

    @classmethod
    def read(cls, facts: Path) -> Shard:
        frames = np.load(facts.with_suffix(".npy"), mmap_mode="r")
        with np.load(facts) as known:
            landmarks, caption = torch.from_numpy(known["landmarks"]), str(known["caption"])
            return cls(frames, landmarks, known["poses"], known["visemes"], known["voice"], caption)


class Shards:
    """The takes of a folder, in the order of their numbers. While others fill it, `now` grows."""

    def __init__(self, folder: str | Path):
        self.folder, self.known, self.looked = Path(folder), {}, float("-inf")

    def now(self) -> list[Shard]:
        """Raises InputError for a folder without takes."""
        if time.monotonic() - self.looked > RESCANNED:
            for path in sorted(self.folder.glob("take_*.npz")):
                if path not in self.known:
                    self.known[path] = Shard.read(path)
            self.looked = time.monotonic()
        if not self.known:
            raise InputError(
                f"{self.folder} holds no takes. Render some with: python -m tools.train_people render --output DIR"
            )
        return [self.known[path] for path in sorted(self.known)]
