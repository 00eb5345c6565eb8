"""The same frames become the same bytes: within a process, in others, on fewer cores, on older instruction sets.

Older ones are asked of the encoders, which then behave as on a CPU that has no more.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from skyreels_core.media.encoding import CODECS, Encoder, Encoding
from skyreels_core.media.writing import write_video

from .record import Record

RUNS, FRAMES, AT_ONCE = 20, 40, 2
SIZES = ((128, 128), (95, 63))
PARAMETERS = {"libx264": "x264-params", "libx264rgb": "x264-params", "libx265": "x265-params"}
OLDER = {"sse2": "0x7", "ssse3": "0x1f", "avx": "0x7f"}  # and libvpx's mask of them
VPX_MASK = "VPX_SIMD_CAPS_MASK"


@dataclass(frozen=True)
class Older(Encoding):
    """An encoding that makes use of no newer instruction set."""

    newest: str = ""

    def encoder(self, path: Path) -> Encoder:
        encoder = super().encoder(path)
        name = PARAMETERS.get(encoder.name, "svtav1-params")
        if not self.newest or encoder.name == "libvpx-vp9":
            return encoder
        return replace(
            encoder, options={**encoder.options, name: f"{encoder.options[name]}:asm={self.newest}"}
        )


def ways() -> Iterator[tuple[str, bool, tuple[int, int]]]:
    for name, codec in CODECS.items():
        for lossless in (False, True) if codec.lossless else (False,):
            for size in SIZES:
                yield name, lossless, size


def clip(height: int, width: int) -> Tensor:
    """Waves under grain, with a cut in the middle [f h w 3]."""
    t, y, x = torch.meshgrid(torch.arange(FRAMES), torch.arange(height), torch.arange(width), indexing="ij")
    red, green = torch.sin(x / 9 + t / 3), torch.cos(y / 7 - t / 4 + (t > FRAMES // 2) * x / 3)
    smooth = 0.5 + 0.3 * torch.stack([red, green, (red + green) / 2], -1)
    return smooth + 0.1 * torch.rand(smooth.shape, generator=torch.Generator().manual_seed(0))


def digests(newest: str = "") -> list[str]:
    """Of one file a way."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mkv"
        for codec, lossless, size in ways():
            write_video(path, clip(*size), 25.0, encoding=Older(codec, lossless=lossless, newest=newest))
            found.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def on_one_core(_: int = 0) -> list[str]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return digests()


def on_all_cores(_: int = 0) -> list[str]:
    return digests()


def in_other_processes(
    task: Callable[..., list[str]], arguments: list, at_once: int = AT_ONCE
) -> list[list[str]]:
    with multiprocessing.get_context("spawn").Pool(at_once, maxtasksperchild=1) as pool:
        return pool.map(task, arguments, chunksize=1)


def on_older_sets() -> list[list[str]]:
    found = []
    for newest, mask in OLDER.items():
        os.environ[VPX_MASK] = mask
        found += in_other_processes(digests, [newest], at_once=1)
    os.environ.pop(VPX_MASK)
    return found


def run(record: Record) -> None:
    torch.set_num_threads(1)
    first, *within = [digests() for _ in range(RUNS)]
    record["cpu"], record["cores"] = cpu(), os.cpu_count()
    record["runs"], record["ways"] = RUNS, len(first)
    record["within_a_process"] = 1 + within.count(first)
    record["in_other_processes"] = in_other_processes(on_all_cores, list(range(RUNS))).count(first)
    record["on_one_core"] = in_other_processes(on_one_core, list(range(RUNS))).count(first)
    record["older_sets"] = list(OLDER)
    record["on_older_sets"] = on_older_sets().count(first)


def cpu() -> str:
    """Its name, family and model where Linux tells them."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
    if "model name" not in found:
        return platform.processor() or platform.machine()
    return f"{found['model name']}, family {found.get('cpu family')}, model {found.get('model')}"
