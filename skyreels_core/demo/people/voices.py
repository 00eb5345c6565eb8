"""Voices that say when each sound begins: flite and espeak-ng, both installed as programs of the system.

flite is under a BSD-like licence and so are its voices. espeak-ng (GPL 3) runs in a process of its own; what it speaks
is free of its licence.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import soundfile
import soxr
import torch
from torch import Tensor

from ...errors import InputError
from ...timeline import SAMPLE_RATE
from .sentences import draw_text
from .visemes import Phone

FLITE = {"slt": "female", "rms": "male", "awb": "male", "kal16": "male"}
HELD_OUT_FLITE = ("rms",)
ESPEAK_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
ESPEAK_VARIANTS = {
    "+m1": "male", "+m3": "male", "+m5": "male", "+m7": "male", "+Andy": "male", "+f1": "female", "+f2": "female",
    "+f4": "female", "+Annie": "female",
}  # fmt: skip
HELD_OUT_ACCENTS = ("en-us", "en", "en-gb-x-gbcwmd")
HELD_OUT_VARIANTS = {"+m2": "male", "+m6": "male", "+f3": "female", "+f5": "female"}
FLITE_PITCH = {"slt": 180, "rms": 100, "awb": 130, "kal16": 105}  # Hz, what each has by itself

SILENCE = 0.05, 0.5  # s around the sentences
LEVELS = 0.03, 0.12  # root mean square of a voice


@dataclass(frozen=True)
class Voice:
    engine: str  # flite or espeak-ng
    name: str
    sex: str  # female or male
    rate: float = 1.0  # 1.2: faster than the engine speaks by itself
    pitch: float = 1.0
    size: float = 1.0  # of the vocal tract; 1.1 sounds like a larger person


@dataclass(frozen=True, eq=False)
class Speech:
    samples: Tensor  # [n] 16 kHz mono in -1..1
    phones: tuple[Phone, ...]  # gapless from 0 to the end
    text: str
    voice: Voice

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def draw_speech(
    rng: random.Random, held_out: bool = False, sex: str | None = None, sentences: int = 1
) -> Speech:
    """Sentences by a drawn voice at a drawn level, with silence before and after."""
    spoken = speak(draw_text(rng, sentences, held_out), draw_voice(rng, held_out, sex))
    before, after = (int(rng.uniform(*SILENCE) * SAMPLE_RATE) for _ in range(2))
    loudness = spoken.samples[spoken.samples.abs() > 1e-3].square().mean().sqrt()
    samples = torch.nn.functional.pad(spoken.samples * rng.uniform(*LEVELS) / loudness, (before, after))
    moved = [
        Phone(p.name, p.start + before / SAMPLE_RATE, p.end + before / SAMPLE_RATE) for p in spoken.phones
    ]
    return Speech(samples, _gapless(moved, len(samples) / SAMPLE_RATE), spoken.text, spoken.voice)


def draw_voice(rng: random.Random, held_out: bool = False, sex: str | None = None) -> Voice:
    """A voice; held-out ones share neither flite voice nor espeak-ng variant with the others."""
    flite = [name for name in FLITE if (name in HELD_OUT_FLITE) == held_out and sex in (None, FLITE[name])]
    variants = HELD_OUT_VARIANTS if held_out else ESPEAK_VARIANTS
    changes = (
        round(rng.uniform(0.9, 1.12), 3),
        round(rng.uniform(0.85, 1.2), 3),
        round(rng.uniform(0.9, 1.12), 3),
    )
    if flite and rng.random() < 0.6:
        name = rng.choice(flite)
        return Voice("flite", name, FLITE[name], *changes)
    variant = rng.choice([name for name, of in variants.items() if sex in (None, of)])
    accent = rng.choice(HELD_OUT_ACCENTS if held_out else ESPEAK_ACCENTS)
    return Voice("espeak-ng", accent + variant, variants[variant], *changes)


def speak(text: str, voice: Voice) -> Speech:
    """A text spoken by a voice, with the instants of its sounds. Raises InputError without the engine."""
    engine = {"flite": _flite, "espeak-ng": _espeak}[voice.engine]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        phones = engine(text, voice, wav)
        samples, rate = soundfile.read(wav, dtype="float32")
    played = rate / voice.size  # a slower tape: longer, lower and of a larger throat
    samples = torch.from_numpy(soxr.resample(samples, played, SAMPLE_RATE))
    stretched = [Phone(p.name, p.start * voice.size, p.end * voice.size) for p in phones]
    return Speech(samples, _gapless(stretched, len(samples) / SAMPLE_RATE), text, voice)


def _gapless(phones: Sequence[Phone], seconds: float) -> tuple[Phone, ...]:
    """In order, each to the beginning of the next, silence before the first and after the last."""
    heard = [p for p in phones if p.start < seconds and p.end > p.start]
    edges = [
        Phone("pau", 0.0, 0.0),
        *heard,
        Phone("pau", min(heard[-1].end if heard else 0.0, seconds), seconds),
    ]
    joined = [Phone(a.name, a.start, b.start) for a, b in pairwise(edges)]
    return tuple(p for p in (*joined, edges[-1]) if p.end > p.start)


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise InputError(
            f"Speech for the demo's people needs {name}, which is not installed. Install it "
            f"(Debian: apt-get install {name})."
        )
    return program


def _flite(text: str, voice: Voice, wav: Path) -> list[Phone]:
    if voice.name not in FLITE:
        raise InputError(
            f"flite could not speak: there is no voice {voice.name}. Known ones: {', '.join(FLITE)}."
        )
    pitch, slowness = FLITE_PITCH[voice.name] * voice.pitch * voice.size, 1 / (voice.rate * voice.size)
    changes = ["--setf", f"int_f0_target_mean={pitch:.1f}", "--setf", f"duration_stretch={slowness:.3f}"]
    command = [_program("flite"), "-voice", voice.name, *changes, "-t", text, "-psdur", "-o", str(wav)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"flite could not speak: {done.stderr.strip() or done.stdout.strip()}")
    ends = [item.rpartition(":")[::2] for item in done.stdout.split()]
    starts = [0.0, *(float(end) for _, end in ends)]
    return [Phone(name, start, float(end)) for (name, end), start in zip(ends, starts, strict=False)]


def _espeak(text: str, voice: Voice, wav: Path) -> list[Phone]:
    _program("espeak-ng")
    speed, pitch = round(160 * voice.rate * voice.size), round(min(max(50 * voice.pitch * voice.size, 0), 99))
    command = [
        sys.executable,
        str(Path(__file__).with_name("espeak.py")),
        voice.name,
        str(speed),
        str(pitch),
        text,
        str(wav),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"espeak-ng could not speak with the voice {voice.name}: {done.stderr.strip()[-300:]}"
        )
    found = [(name or "pau", instant) for name, instant in json.loads(done.stdout)]  # no name: a pause
    return [Phone(a[0], a[1], b[1]) for a, b in pairwise(found)]
