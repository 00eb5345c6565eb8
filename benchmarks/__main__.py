"""python -m benchmarks [names]: measure, then write docs/results.md from everything that has been measured."""

from __future__ import annotations

import importlib
import sys
import time

from .record import PICTURES, Record
from .report import write_report

NAMES = (
    "sync", "guidance", "another_voice", "silence", "fusion", "cache", "colour", "hybrid", "long_voice", "speed",
    "memory", "linear", "cancel", "kill", "ten_minutes", "same_bytes",
)  # fmt: skip


def main(names: list[str]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names or NAMES:
        started, record = time.perf_counter(), Record()
        importlib.import_module(f".{name}", __package__).run(record)
        record.save(name, time.perf_counter() - started)
        sys.stderr.write(f"{name}: {dict(record)}\n")
    write_report()


if __name__ == "__main__":
    main(sys.argv[1:])
