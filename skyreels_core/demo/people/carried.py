"""Speech for takes, spoken once: a machine that renders them then needs no voices, and a file of it is small."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError
from ...files import atomic
from ...timeline import SAMPLE_RATE
from .takes import speech_of
from .visemes import Phone
from .voices import Speech, Voice

SAVED = 200  # takes between two savings


@dataclass(frozen=True, eq=False)
class Carried:
    speech: Speech
    voice: NDArray[np.uint8]  # its samples as the bytes of an Opus file


def carry_speech(file: Path, numbers: Iterable[int], sentences: int = 1, processes: int = 1) -> None:
    """Keep the speech of these takes: what `file` lacks is spoken and added to it."""
    known = _kept(file) if file.exists() else {}
    missing = [number for number in numbers if str(number) not in known]
    for first in range(0, len(missing), SAVED):
        part = missing[first : first + SAVED]
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            spoken = zip(part, pool.map(_spoken, part, [sentences] * len(part)), strict=True)
            known |= {str(number): packed for number, packed in spoken}
        _save(file, known)


def carried_speech(file: Path, number: int) -> Carried:
    """The speech of one take. Raises InputError where the file is missing, or does not hold it."""
    remedy = "Run: python -m tools.train_people carry --output DIR"
    if not file.exists():
        raise InputError(f"{file} is missing: the speech of the takes. {remedy}")
    if (packed := _read(file, file.stat().st_mtime_ns).get(str(number))) is None:
        raise InputError(f"{file} has no speech for take {number}. {remedy}, with as many takes.")
    return _unpacked(packed)


@functools.lru_cache(maxsize=1)
def _read(file: Path, written: int) -> dict[str, NDArray[np.uint8]]:
    return _kept(file)


def packed_voice(samples: Tensor) -> NDArray[np.uint8]:
    """The bytes of an Opus file."""
    file = io.BytesIO()
    soundfile.write(file, samples.numpy(), SAMPLE_RATE, format="OGG", subtype="OPUS")
    return np.frombuffer(file.getvalue(), np.uint8)


def unpacked_voice(stored: NDArray[np.uint8]) -> Tensor:
    """Samples [n] at 16 kHz."""
    samples, _ = soundfile.read(io.BytesIO(stored.tobytes()), dtype="float32")
    return torch.from_numpy(samples)


def _spoken(number: int, sentences: int) -> NDArray[np.uint8]:
    return _packed(speech_of(number, sentences))


def _kept(file: Path) -> dict[str, NDArray[np.uint8]]:
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files}


def _save(file: Path, packed: dict[str, NDArray[np.uint8]]) -> None:
    with atomic(file) as part, part.open("wb") as stream:
        np.savez(stream, **packed)  # pyright: ignore[reportArgumentType]  # no array has the name of an option


def _packed(speech: Speech) -> NDArray[np.uint8]:
    """Length of a JSON text in 4 bytes, the text, the voice."""
    phones = [(phone.name, phone.start, phone.end) for phone in speech.phones]
    said = json.dumps({"text": speech.text, "voice": asdict(speech.voice), "phones": phones}).encode()
    head = np.frombuffer(len(said).to_bytes(4, "little") + said, np.uint8)
    return np.concatenate([head, packed_voice(speech.samples)])


def _unpacked(stored: NDArray[np.uint8]) -> Carried:
    length = 4 + int.from_bytes(stored[:4].tobytes(), "little")
    said = json.loads(stored[4:length].tobytes())
    phones = tuple(Phone(*phone) for phone in said["phones"])
    voice = stored[length:]
    return Carried(Speech(unpacked_voice(voice), phones, said["text"], Voice(**said["voice"])), voice)
