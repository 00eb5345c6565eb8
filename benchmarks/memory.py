"""Peak memory of a long run against a short one: it does not grow with the length."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .long_material import Speaker
from .record import Record
from .watching import highest_of_each_span, measured

LENGTHS = {"animate": (10.0, 120.0), "edit": (10.0, 60.0)}  # seconds


def run(record: Record) -> None:
    for task, lengths in LENGTHS.items():
        runs = []
        for seconds in lengths:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                words = getattr(Speaker.draw(0, seconds), task)(folder)
                command = measured([*words, "-o", folder / "out.mp4"])
            runs.append(
                {
                    "voice_seconds": seconds,
                    "seconds": command.seconds,
                    "peak_gb": command.peak_gb,
                    "memory_over_time": highest_of_each_span(command.curve),
                }
            )
        record[task] = runs
        record[f"{task}_ratio"] = runs[1]["peak_gb"] / runs[0]["peak_gb"]
