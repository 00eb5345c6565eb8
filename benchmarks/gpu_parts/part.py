"""One part of the measurements, in a process of its own: python -m benchmarks.gpu_parts.part NAME [--toy]

The last line that it prints is what it found, as JSON.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from .sizes import REAL, TOY, Sizes

HOMES = {
    "core": "forwards", "core_compiled": "forwards", "diffusers": "forwards", "diffusers_compiled": "forwards",
    "offload": "weights", "training": "weights", "vae": "videos", "caches": "videos", "pinned_edit": "edits",
    "host": "hosts",
}  # fmt: skip


def machine(sizes: Sizes) -> dict[str, Any]:
    if sizes.device.type != "cuda":
        return {"gpu": f"none: {platform.machine()} CPU, toy sizes", "torch": torch.__version__}
    if not torch.cuda.is_available():
        return {"failed": "PyTorch finds no GPU."}
    found = torch.cuda.get_device_properties(0)
    return {"gpu": f"{found.name}, {found.total_memory / 2**30:.0f} GiB", "torch": torch.__version__}


def main(name: str, toy: bool) -> None:
    sizes = TOY if toy else REAL
    measure: Callable[[Sizes], dict[str, Any]] = machine
    if name != "machine":
        measure = getattr(import_module(f".{HOMES[name]}", __package__), name)
    sys.stdout.write(f"{json.dumps(measure(sizes))}\n")


if __name__ == "__main__":
    main(sys.argv[1], "--toy" in sys.argv)
