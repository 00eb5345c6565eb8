"""Spoken training material: sentences of a small grammar read by espeak-ng's voices."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from ..audio.reading import mono_16k
from ..errors import InputError
from ..media.sound import read_audio

LANGUAGES = ("en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "es", "it", "nl", "pt-br", "sv")
VARIANTS = ("", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f4", "+Andy", "+Annie", "+klatt2")
UNSEEN_LANGUAGES = ("en-us", "en-gb", "pl")
UNSEEN_VARIANTS = ("+m2", "+m6", "+f3", "+f5", "+linda")
LEVELS = (0.03, 0.12)  # root mean square of a voice in its recording

SUBJECTS = (
    "my old neighbour", "the captain", "a small brown dog", "our teacher", "the whole orchestra",
    "her grandmother", "the lighthouse keeper", "a stranger", "the river", "every morning the baker",
    "the mountain guide", "nobody",
)  # fmt: skip
VERBS = (
    "walks along", "remembers", "paints over", "never talked about", "listens to", "is waiting for", "carried",
    "looks after", "sang about", "has finally found", "would like to open", "throws away",
)  # fmt: skip
OBJECTS = (
    "the yellow boat", "a bag of oranges", "the last train home", "an unusual story", "the quiet garden",
    "four wooden chairs", "the museum by the sea", "a photograph of summer", "the broken clock",
    "apples and honey", "the voice on the radio", "snow",
)  # fmt: skip
UNSEEN_SUBJECTS = ("the young violinist", "some fishermen", "a visitor from abroad", "the blue parrot")
UNSEEN_OBJECTS = (
    "the tower in the fog",
    "a kite above the meadow",
    "warm bread and coffee",
    "the open window",
)


@dataclass(frozen=True)
class Voice:
    """One espeak-ng voice: its name with the variant, speed in words a minute, pitch 0..99."""

    name: str
    speed: int
    pitch: int


def draw_voice(rng: random.Random, unseen: bool = False) -> Voice:
    """A random voice; `unseen` draws from variants that training never uses."""
    languages, variants = (UNSEEN_LANGUAGES, UNSEEN_VARIANTS) if unseen else (LANGUAGES, VARIANTS)
    return Voice(rng.choice(languages) + rng.choice(variants), rng.randint(110, 170), rng.randint(20, 80))


def draw_sentences(rng: random.Random, count: int, unseen: bool = False) -> str:
    """`count` sentences; `unseen` ones use subjects and objects that training never uses."""
    subjects, objects = (UNSEEN_SUBJECTS, UNSEEN_OBJECTS) if unseen else (SUBJECTS, OBJECTS)
    return " ".join(
        f"{rng.choice(subjects)} {rng.choice(VERBS)} {rng.choice(objects)}." for _ in range(count)
    )


def speak(text: str, voice: Voice) -> torch.Tensor:
    """The sentence as 16 kHz mono samples [n]. Raises InputError without espeak-ng."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise InputError(
            "Training on drawn faces needs spoken sentences, and espeak-ng is not installed. "
            "Install it (Debian: apt-get install espeak-ng), or train on videos of your own: under `data` give `kind: "
            "folder` and their `folder`, and under `encoders` a Whisper encoder's file as `whisper`, without `speech`."
        )
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        command = [
            program,
            "-v",
            voice.name,
            "-s",
            str(voice.speed),
            "-p",
            str(voice.pitch),
            "-w",
            str(wav),
            text,
        ]
        subprocess.run(command, check=True, capture_output=True)
        return mono_16k(read_audio(wav))


def recording(seed: int, seconds: float, unseen: bool = False) -> torch.Tensor:
    """A voice of at least `seconds`, with pauses, at a random level: 16 kHz mono [n]."""
    rng = random.Random(f"voice {seed} {unseen}")
    voice = draw_voice(rng, unseen)
    pieces, length = [], 0
    while length < seconds * 16000:
        piece = speak(draw_sentences(rng, rng.randint(1, 3), unseen), voice)
        pause = torch.zeros(int(16000 * rng.uniform(0.1, 0.8)))
        pieces += [piece, pause]
        length += len(piece) + len(pause)
    samples = torch.cat(pieces)[: int(seconds * 16000)]
    voiced = samples[samples.abs() > 1e-3]
    return samples * (rng.uniform(*LEVELS) / voiced.square().mean().sqrt())
