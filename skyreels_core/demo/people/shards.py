"""Takes as raw pictures on the disk, which training reads in any order without decoding a video.

Each take is `take_<number>.npy`, uint8 [f h w 3], and `take_<number>.npz`, written last: `fps`, `voice` (the bytes of
an Opus file), `landmarks` (float32 [f 68 2], pixels), `poses` (float32 [f k], named by articulation.mouth_channels),
`visemes` (int64 [f]), `caption` and `text`.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
from .carried import carried_speech, unpacked_voice
from .person import channels
from .takes import Take, film

# Software OpenGL and BLAS would otherwise start as many threads in every process.
ONE_THREAD = {"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
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


def shoot(wanted: Iterable[tuple[Shooting, int]], processes: int) -> Iterator[int]:
    """Render the takes that their folders lack, giving each one's number when it is whole.

    Raises InputError where the speech of one is missing.
    """
    missing = [(shooting, number) for shooting, number in wanted if not shooting.facts(number).exists()]
    for folder in {shooting.folder for shooting, _ in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    if not missing:
        return
    with _started_with(ONE_THREAD):
        pool = get_context("spawn").Pool(min(processes, len(missing)))
    with pool:
        yield from pool.imap_unordered(_shoot, missing)


@contextmanager
def _started_with(variables: dict[str, str]) -> Iterator[None]:
    """Processes that are started inside have these variables of the environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _shoot(wanted: tuple[Shooting, int]) -> int:
    shooting, number = wanted
    torch.set_num_threads(1)
    carried = carried_speech(shooting.speech, number)
    take = Take.of(number, carried.speech, shooting.fps, shooting.data)
    size = shooting.width, shooting.height
    footage = film(take.actor, take.performance, *size, shooting.supersampling)
    head, count = take.actor.person.head, len(footage.frames)
    columns = [channels(head).index(name) for name in mouth_channels(head)]
    visemes = visemes_at(take.speech.phones, (np.arange(count) + 0.5) / shooting.fps)
    facts = shooting.facts(number)
    with atomic(facts.with_suffix(".npy")) as part, part.open("wb") as stream:
        np.save(stream, footage.frames)
    with atomic(facts) as part, part.open("wb") as stream:
        np.savez(
            stream, fps=shooting.fps, voice=carried.voice, landmarks=footage.landmarks, caption=take.caption,
            text=take.speech.text, poses=take.performance.poses[:, columns], visemes=visemes,
        )  # fmt: skip
    return number


@dataclass(frozen=True, eq=False)
class Shard:
    """A take on the disk."""

    pictures: Path
    fps: float
    landmarks: Tensor  # [f 68 2] pixels
    poses: NDArray[np.float32]  # [f k]
    visemes: NDArray[np.int64]  # [f]
    voice: NDArray[np.uint8]
    caption: str

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def frames(self) -> NDArray[np.uint8]:
        """[f h w 3], opened anew each time: a folder has more takes than a process may have open files."""
        return np.load(self.pictures, mmap_mode="r")

    @property
    def samples(self) -> Tensor:
        return unpacked_voice(self.voice)

    @classmethod
    def read(cls, facts: Path) -> Shard:
        with np.load(facts) as known:
            landmarks, caption = torch.from_numpy(known["landmarks"]), str(known["caption"])
            fps, poses, visemes = float(known["fps"]), known["poses"], known["visemes"]
            return cls(facts.with_suffix(".npy"), fps, landmarks, poses, visemes, known["voice"], caption)


class Shards:
    """The takes of a folder, in the order of their numbers. While others fill it, `now` grows."""

    def __init__(self, folder: str | Path):
        self.folder, self.known, self.looked = Path(folder), {}, float("-inf")

    @classmethod
    @functools.cache
    def of(cls, folder: str) -> Shards:
        """Those of a folder, which everything in a process shares."""
        return cls(folder)

    def now(self) -> list[Shard]:
        """Raises InputError for a folder without takes."""
        if time.monotonic() - self.looked > RESCANNED:
            for path in sorted(self.folder.glob("take_*.npz")):
                if path not in self.known:
                    self.known[path] = Shard.read(path)
            self.looked = time.monotonic()
        if not self.known:
            raise InputError(
                f"{self.folder} holds no takes. Render some with: python -m skyreels_core.demo.people render "
                f"{self.folder} --count 300"
            )
        return [self.known[path] for path in sorted(self.known)]

    @functools.cached_property
    def settled(self) -> list[Shard]:
        """Those that are there when this is first asked for: what indexes them stays right."""
        return self.now()
