"""What a GPU takes, with random weights of the real size: `python -m benchmarks gpu`, in eight minutes at most.

Each part is a process of its own with a time limit: one that fails is recorded, and the others still run. `--toy` tries
all of it on the CPU in a few seconds, and records nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from .record import Record

LIMIT = 480  # seconds, of all parts together
LEAST = 10  # seconds that a part needs to start
# Part and seconds that it may take, what matters most first.
PARTS = {
    "core": 70, "core_compiled": 90, "diffusers": 50, "diffusers_compiled": 80, "vae": 40, "pinned_edit": 70,
    "offload": 90, "training": 60, "caches": 30, "host": 80,
}  # fmt: skip


def run(record: Record, toy: bool = False) -> None:
    """Adds an entry for this GPU to what is recorded of others, in the place of an earlier one with the same torch."""
    entry = measured(toy)
    earlier = Record.load("gpu")
    others = [] if earlier is None or toy else earlier["entries"]
    same = ("gpu", "torch")
    record["entries"] = [*(e for e in others if [e.get(n) for n in same] != [entry[n] for n in same]), entry]


def measured(toy: bool) -> dict[str, Any]:
    end = time.monotonic() + LIMIT
    entry = part("machine", toy, LIMIT)
    if "gpu" not in entry:
        raise SystemExit(f"python -m benchmarks gpu: {entry['failed']} Try it on the CPU with --toy.")
    entry["made"] = time.strftime("%Y-%m-%d")
    entry["parts"] = {}
    for name, budget in PARTS.items():
        left = end - time.monotonic()
        entry["parts"][name] = (
            part(name, toy, min(budget, left)) if left > LEAST else {"failed": "no time was left for it"}
        )
        sys.stderr.write(f"{name}: {entry['parts'][name]}\n")
    return entry


def part(name: str, toy: bool, seconds: float) -> dict[str, Any]:
    """What a part found, or why it failed."""
    command = [sys.executable, "-m", "benchmarks.gpu_parts.part", name, *(["--toy"] if toy else [])]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"failed": f"it took more than {seconds:.0f} s"}
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
        return {"failed": said[-1][:300]}
    return json.loads(ran.stdout.splitlines()[-1])
