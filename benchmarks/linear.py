"""Wall time over the length of the voice: a straight line?"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from .long_material import Speaker
from .record import Record
from .watching import measured

VOICES = (10.0, 30.0, 90.0)  # seconds


def run(record: Record) -> None:
    took = []
    for seconds in VOICES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            words = Speaker.draw(0, seconds).animate(folder)
            took.append(measured([*words, "-o", folder / "out.mp4"]).seconds)
    rate, start = np.polyfit(VOICES, took, 1)
    line = start + rate * np.array(VOICES)
    record["voice_seconds"], record["seconds"] = VOICES, took
    record["seconds_to_start"], record["seconds_per_second"] = start, rate
    record["largest_departure"] = float(np.max(np.abs(line / np.array(took) - 1)))  # of what was measured
    record["rates"] = [
        (t2 - t1) / (s2 - s1) for (s1, t1), (s2, t2) in pairwise(zip(VOICES, took, strict=True))
    ]
