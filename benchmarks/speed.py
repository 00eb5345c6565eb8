"""Time and peak memory of the commands, each in a fresh process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from skyreels_core import assets
from skyreels_core.audio.reading import write_wav
from skyreels_core.media.sound import Audio

from .material import example
from .record import Record
from .watching import measured

VOICES = (2.0, 10.0)  # seconds


def run(record: Record) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, times = Path(name), []
        for seconds in VOICES:
            voice = folder / f"{seconds:g}.wav"
            write_wav(voice, Audio(example(0, seconds).voice.samples, 16000))
            inputs = ["animate", "--image", assets.portrait(), "--audio", voice]
            command = measured([*inputs, "-o", folder / "out.mp4"])
            times.append(command.seconds)
            record[f"animate_{seconds:g}s"] = {"seconds": command.seconds, "peak_gb": command.peak_gb}
        record["seconds_per_second"] = (times[1] - times[0]) / (VOICES[1] - VOICES[0])
        record["seconds_to_start"] = times[0] - VOICES[0] * record["seconds_per_second"]
        command = measured(["demo", "-o", folder / "demo"])
        record["demo"] = {"seconds": command.seconds, "peak_gb": command.peak_gb}
