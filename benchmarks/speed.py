"""Time and peak memory of the commands, each in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from skyreels_core import assets
from skyreels_core.audio.reading import Audio, write_wav

from .material import example
from .record import Record

VOICES = (2.0, 10.0)  # seconds


def run(record: Record) -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for seconds in VOICES:
            voice = Path(folder) / f"{seconds:g}.wav"
            write_wav(voice, Audio(example(0, seconds).voice.samples, 16000))
            command = [
                "animate",
                "--image",
                str(assets.portrait()),
                "--audio",
                str(voice),
                "-o",
                f"{folder}/out.mp4",
            ]
            took, memory = measure_command(command)
            times.append(took)
            record[f"animate_{seconds:g}s"] = {"seconds": took, "peak_gb": memory}
        record["seconds_per_second"] = (times[1] - times[0]) / (VOICES[1] - VOICES[0])
        record["seconds_to_start"] = times[0] - VOICES[0] * record["seconds_per_second"]
        took, memory = measure_command(["demo", "-o", f"{folder}/demo"])
        record["demo"] = {"seconds": took, "peak_gb": memory}


def measure_command(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident memory in GB of one `skyreels-audio` command."""
    started = time.perf_counter()
    program = Path(sys.executable).with_name("skyreels-audio")
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"skyreels-audio {' '.join(arguments)} failed with status {status}.")
    return time.perf_counter() - started, usage.ru_maxrss / 1e6
