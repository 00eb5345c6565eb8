"""The speech encoder: spoken utterances, training, and what it understands of voices that it never heard."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from skyreels_core.demo.people.head import load_head
from skyreels_core.demo.people.listening import ListeningConfig, Talk, Understanding, examine, train_listener
from skyreels_core.demo.people.rooms import Recording
from skyreels_core.demo.people.utterances import utterances
from skyreels_core.files import atomic
from skyreels_core.model.whisper import save_whisper
from skyreels_core.training.loop import Stage

STAGE = Stage("speech", 4000, 4, 2e-3, warmup=30, final_lr=0.03, ema=0.995)
CONFIG = ListeningConfig(layers=3, width=80, heads=4, utterances=900, seed=0, stages=(STAGE,), window=10)
UNSEEN, WINDOWS = 80, 8  # utterances of held-out voices, and windows of 30 s of them that are listened to
RECORDINGS = {"clean": Recording(clean=1.0), "rooms and noise": Recording()}


@dataclass(frozen=True)
class Lesson:
    """folder: for the speech, the state of the training and its results; seconds: of training, 0 for no limit."""

    folder: Path
    utterances: int = CONFIG.utterances
    steps: int = STAGE.steps
    seconds: float = 0.0
    processes: int = 1


def listen(lesson: Lesson) -> Path:
    """Train, resuming what the folder holds; writes whisper.safetensors and listening.json, and returns the first."""
    stage = replace(STAGE, steps=lesson.steps, seconds=lesson.seconds)
    sizes = {"utterances": lesson.utterances, "processes": lesson.processes}
    config = replace(CONFIG, stages=(stage,), **sizes)
    listener = train_listener(config, lesson.folder)
    file = lesson.folder / "whisper.safetensors"
    save_whisper(file, listener.encoder, listener.config)
    spoken = utterances(lesson.folder / "unseen.npz", UNSEEN, held_out=True, processes=lesson.processes)
    head = load_head()
    found = {
        name: figures(examine(listener, Talk(spoken, head, recording), head, WINDOWS, seed=1))
        for name, recording in RECORDINGS.items()
    }
    with atomic(lesson.folder / "listening.json") as part:
        part.write_text(json.dumps(found, indent=1) + "\n")
    return file


def figures(found: Understanding) -> dict[str, object]:
    """Balanced accuracy over the groups beside chance, the table, the share of right visemes, r of each channel."""
    groups = found.groups
    return {
        "balanced": round(groups.balanced, 3),
        "chance": round(groups.chance, 3),
        "groups": dict(zip(groups.names, groups.counts.tolist(), strict=True)),
        "visemes": round(found.visemes, 3),
        "correlation": {name: round(r, 3) for name, r in found.correlation.items()},
    }
