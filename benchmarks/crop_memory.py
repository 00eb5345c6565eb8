"""Peak memory of a cropped edit of 1080p footage, long against short: latents, sources and masks lie on the disk."""

from __future__ import annotations

import os
import tempfile

from .crop_run import CROP, METHOD, STEPS
from .record import Record
from .watching import highest_of_each_span, measured

LENGTHS = ("10", "120")  # seconds


def run(record: Record) -> None:
    runs = []
    for seconds in os.environ.get("LENGTHS", "").split() or LENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            command = measured([seconds, folder], module="benchmarks.crop_run")
        found = {"seconds": float(seconds), "took": command.seconds, "peak_gb": command.peak_gb}
        runs.append({**found, "memory_over_time": highest_of_each_span(command.curve)})
    record["runs"], record["ratio"] = runs, runs[-1]["peak_gb"] / runs[0]["peak_gb"]
    record["crop"], record["method"], record["steps"] = CROP, METHOD, STEPS
