"""What a weights file says about itself before any tensor is read."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

PREFIXES = ("model.diffusion_model.", "diffusion_model.")  # what trainers and hosts put before Wan's names

PICKLE = (
    "a pickle, which can run foreign code when it is read. Convert it once with:\n"
    'python -c "import torch, safetensors.torch as s; '
    "s.save_file({{k: v.clone() for k, v in torch.load('{path}', weights_only=True).items()}}, '{target}')\""
)

# The first bytes of what people give in place of a safetensors file, and what to do about it.
OTHER_FORMATS = {
    b"PK\x03\x04": PICKLE,
    b"\x80": PICKLE,
    b"GGUF": "a GGUF file, which needs a GGUF loader in ComfyUI. Give the safetensors file of this model.",
    b"version https://git-lfs": "a Git LFS pointer, not the weights. Fetch them with: git lfs pull",
}


@dataclass(frozen=True)
class Header:
    path: Path
    shapes: dict[str, tuple[int, ...]]  # of every tensor, by its name without the prefix
    formats: dict[str, str]  # safetensors' names: F32, F16, BF16, F8_E4M3, ...
    prefix: str  # what the file puts before each name
    metadata: dict[str, str]

    @property
    def config(self) -> dict[str, Any]:
        """The "config" of the metadata: sections "transformer", "skyreels_audio", "sampling"."""
        return json.loads(self.metadata.get("config", "{}"))

    @property
    def parameters(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def element_formats(self) -> list[str]:
        """The formats in use, that of most elements first."""
        counts: Counter[str] = Counter()
        for name, shape in self.shapes.items():
            counts[self.formats[name]] += math.prod(shape)
        return [name for name, _ in counts.most_common()]


def read_header(path: str | Path) -> Header:
    """Names, shapes, formats and metadata of a safetensors file; no tensor is read.

    Raises InputError for what is not a safetensors file, naming what it is, and for one that is cut short.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; give a .safetensors file.")
    entries = _read_json(path)
    metadata = entries.pop("__metadata__", {})
    prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in entries)), "")
    entries = {name.removeprefix(prefix): entry for name, entry in entries.items() if name.startswith(prefix)}
    return Header(
        path=path,
        shapes={name: tuple(entry["shape"]) for name, entry in entries.items()},
        formats={name: entry["dtype"] for name, entry in entries.items()},
        prefix=prefix,
        metadata=metadata,
    )


def _read_json(path: Path) -> dict[str, Any]:
    """safetensors: 8 bytes with the length of a JSON header, the header, the tensors."""
    with path.open("rb") as file:
        start = file.read(64)
        length = int.from_bytes(start[:8], "little")
        if start[8:9] != b"{":
            raise InputError(f"{path} is {_other_format(path, start)}")
        found = path.stat().st_size
        file.seek(8)
        text = file.read(min(length, found))
    try:
        entries = json.loads(text)
    except ValueError:
        raise InputError(_cut_short(path, found, 8 + length)) from None
    ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
    if found != (needed := 8 + length + max(ends, default=0)):
        raise InputError(_cut_short(path, found, needed))
    return entries


def _other_format(path: Path, start: bytes) -> str:
    for magic, what in OTHER_FORMATS.items():
        if start.startswith(magic):
            return what.format(path=path, target=path.with_suffix(".safetensors"))
    return "not a safetensors file. Give the model as .safetensors."


def _cut_short(path: Path, found: int, needed: int) -> str:
    return f"{path} is damaged: its header promises {needed:,} bytes, the file has {found:,}. Fetch it again."
