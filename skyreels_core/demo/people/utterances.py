"""Many short utterances with the instants of their sounds: what a speech encoder learns from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...files import atomic
from .sentences import draw_text
from .visemes import Phone
from .voices import Speech, draw_voice, speak

ONSETS = ("", "b", "p", "m", "f", "v", "t", "d", "s", "z", "sh", "ch", "j", "k", "g", "n", "l", "r", "w", "th", "h",
          "y", "st", "pl", "br", "tr", "sp")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "oo", "ee", "ay", "oa", "ow", "igh", "aw", "er", "oi")
CODAS = ("", "", "", "m", "n", "t", "s", "l", "p", "b", "f", "k", "sh", "ng", "v", "z")

SAVED = 200  # utterances between two savings


@dataclass(frozen=True, eq=False)
class Utterance:
    samples: Tensor  # [n] 16 kHz mono
    phones: tuple[Phone, ...]


def draw_utterance(number: int, held_out: bool = False) -> Speech:
    """One sentence, or invented words in half of the cases: every sound beside every other."""
    rng = random.Random(f"utterance {number} {held_out}")
    text = draw_text(rng, 1, held_out) if rng.random() < 0.5 else _invented(rng)
    return speak(text, draw_voice(rng, held_out))


def _invented(rng: random.Random) -> str:
    def syllable() -> str:
        return rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)

    words = ["".join(syllable() for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(3, 8))]
    return " ".join(words) + rng.choice(".?!")


def utterances(file: Path, count: int, held_out: bool = False, processes: int = 1) -> list[Utterance]:
    """The first `count` utterances; those that `file` lacks are spoken and added to it."""
    known = _load(file) if file.exists() else []
    while len(known) < count:
        known += _spoken(range(len(known), min(len(known) + SAVED, count)), held_out, processes)
        _save(file, known)
    return known[:count]


def _spoken(numbers: range, held_out: bool, processes: int) -> Iterator[Utterance]:
    flags = [held_out] * len(numbers)
    if processes <= 1:
        spoken = map(draw_utterance, numbers, flags)
        return (Utterance(s.samples, s.phones) for s in spoken)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return iter(
            [Utterance(s.samples, s.phones) for s in pool.map(draw_utterance, numbers, flags, chunksize=8)]
        )


def _save(file: Path, spoken: list[Utterance]) -> None:
    """Samples as 16 bits, one after the other."""
    names = [phone.name for u in spoken for phone in u.phones]
    with atomic(file) as partial, partial.open("wb") as stream:
        np.savez(
            stream,
            samples=(torch.cat([u.samples for u in spoken]) * 32767).clamp(-32767, 32767).short().numpy(),
            lengths=[len(u.samples) for u in spoken],
            counts=[len(u.phones) for u in spoken],
            names=np.array(names),
            times=np.array([(phone.start, phone.end) for u in spoken for phone in u.phones]),
        )


def _load(file: Path) -> list[Utterance]:
    with np.load(file) as kept:
        phones = [
            Phone(str(n), float(a), float(b)) for n, (a, b) in zip(kept["names"], kept["times"], strict=True)
        ]
        samples = torch.from_numpy(kept["samples"])
        cuts, ends = samples.split(kept["lengths"].tolist()), np.cumsum(kept["counts"])
        parts = [tuple(phones[end - count : end]) for end, count in zip(ends, kept["counts"], strict=True)]
    return [Utterance(cut.float() / 32767, part) for cut, part in zip(cuts, parts, strict=True)]
