"""What a weights file says about itself before any tensor is read."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, first_words
from .formats import foreign_format

PREFIXES = ("model.diffusion_model.", "diffusion_model.")  # what trainers and hosts put before Wan's names

# Names of one network that show what trainers and wrappers put before all of them, such as "model." or "vae.".
ANCHORS = (
    "patch_embedding.weight",
    "blocks.0.self_attn.norm_q.weight",
    "audio_proj.proj1.weight",
    "audio_proj.fc1.weight",
    "decoder.head.0.gamma",
    "decoder.middle.0.residual.0.gamma",
    "encoder.block.0.layer.0.SelfAttention.q.weight",
)
MOST_OF_ALL = 0.5  # of the names have what is before an anchor: it is of the whole file

LONGEST = 100_000_000  # bytes of a header, safetensors' own limit
BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64,
}  # fmt: skip
FORMAT_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}  # that are loaded as they are
SECTIONS = ("transformer", "skyreels_audio", "sampling", "whisper")  # of the "config" of the metadata
CONFIG = "config"
CALIBRATED = ("cache_coefficients", "cache_magnitudes")


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
        return json.loads(self.metadata.get(CONFIG, "{}"))

    @property
    def calibration(self) -> dict[str, list[float]]:
        """What was measured of the model, in the file beside it; nothing where there is none. Raises InputError for
        what no calibration writes."""
        beside = calibration_of(self.path)
        if not beside.is_file():
            return {}
        try:
            found = {
                name: [float(value) for value in json.loads(beside.read_text("utf-8"))[name]]
                for name in CALIBRATED
            }
            if all(values and all(map(math.isfinite, values)) for values in found.values()):
                return found
            problem = "numbers are missing"
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            problem = first_words(error)
        raise InputError(
            f"{beside} is not what skyreels-audio calibrate writes ({problem}). Delete it, or delete it and calibrate "
            "again."
        )

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


def sections_of(headers: Sequence[Header]) -> dict[str, Any]:
    """Of the metadata of a model's files, a later one's before an earlier one's; what was measured of any of them, in a
    calibration beside it, goes before what they recommend."""
    sections = {name: section for header in headers for name, section in header.config.items()}
    measured = {name: values for header in headers for name, values in header.calibration.items()}
    if not measured:
        return sections
    return {**sections, "sampling": {**sections.get("sampling", {}), **measured}}


ReadHeader = Callable[[Path], Header]


def calibration_of(path: Path) -> Path:
    """Where `skyreels-audio calibrate` leaves what it measured of a model file."""
    return path.with_suffix(".calibration.json")


def read_header(path: str | Path, prefix: str | None = None) -> Header:
    """Names, shapes, formats and metadata of a safetensors file; no tensor is read.

    prefix: that of the names, of which those without it are left out; None: what trainers and hosts put there.
    Raises InputError for what is not a safetensors file, naming what it is, and for one that is truncated or whose
    header contradicts itself: what is read here can be relied on.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; give a .safetensors file.")
    entries = _read_entries(path)
    metadata = _check_metadata(path, entries.pop("__metadata__", {}))
    prefix = find_prefix(entries) if prefix is None else prefix
    entries = {name.removeprefix(prefix): entry for name, entry in entries.items() if name.startswith(prefix)}
    return Header(
        path=path,
        shapes={name: tuple(entry["shape"]) for name, entry in entries.items()},
        formats={name: entry["dtype"] for name, entry in entries.items()},
        prefix=prefix,
        metadata=metadata,
    )


class Headers:
    """`read_header` for somebody who checks files before they are loaded: it reads each one once."""

    def __init__(self) -> None:
        self.read: dict[Path, Header] = {}

    def __call__(self, path: str | Path) -> Header:
        if Path(path) not in self.read:
            self.read[Path(path)] = read_header(path)
        return self.read[Path(path)]


def find_prefix(names: Collection[str]) -> str:
    for prefix in PREFIXES:
        if any(name.startswith(prefix) for name in names):
            return prefix
    found = (name.removesuffix(anchor) for anchor in ANCHORS for name in names if name.endswith(anchor))
    whole = (p for p in found if not p or p.endswith("."))
    return next((p for p in whole if sum(n.startswith(p) for n in names) > MOST_OF_ALL * len(names)), "")


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file beside the weights. Raises InputError for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({first_words(error)}). Download it again."
        ) from error
    if not isinstance(value, dict):
        raise InputError(f"{path} does not hold a JSON object. Download it again.")
    return value


def _read_entries(path: Path) -> dict[str, Any]:
    """safetensors: 8 bytes with the length of a JSON header, the header, the tensors."""
    with path.open("rb") as file:
        start = file.read(64)
        length = int.from_bytes(start[:8], "little")
        if start[8:9] != b"{" or (start[:1] == b"{" and length > LONGEST):
            raise InputError(f"{path} is {foreign_format(path)}")
        found = path.stat().st_size
        if found < 8 + length:
            raise InputError(_cut_short(path, found, 8 + length))
        if length > LONGEST:
            raise InputError(_damaged(path, f"its header has {length:,} bytes"))
        file.seek(8)
        text = file.read(length)
    try:
        entries = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(_damaged(path, f"its header cannot be read, {error}")) from None
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
    needed = 8 + length + _data_bytes(path, tensors)
    if found != needed:
        raise InputError(_cut_short(path, found, needed))
    return entries


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for name, value in pairs:
        if name in whole:
            raise ValueError(f"{name!r} is in it twice")
        whole[name] = value
    return whole


def _data_bytes(path: Path, entries: Mapping[str, Any]) -> int:
    """How many bytes the tensors take, which have to lie one after the other, in any order."""
    places = sorted((*_place(path, name, entry), name) for name, entry in entries.items())
    end = 0
    for first, last, name in places:
        if first != end:
            raise InputError(_damaged(path, f"{name} does not begin where the tensor before it ends"))
        end = last
    return end


def _place(path: Path, name: str, entry: Any) -> tuple[int, int]:
    if (stated := _stated(entry)) is None:
        raise InputError(_damaged(path, f"{name} has no format, shape and place that can be read"))
    format_, shape, first, last = stated
    if format_ not in BITS:
        raise InputError(
            f"{path} holds {name} in the format {format_}, which is unknown here. Give the model in float16, bfloat16 "
            "or float32."
        )
    if 8 * (last - first) != math.prod(shape) * BITS[format_]:
        raise InputError(_damaged(path, f"{name} of shape {shape} in {format_} has {last - first:,} bytes"))
    return first, last


def _stated(entry: Any) -> tuple[str, list[int], int, int] | None:
    """Format, shape, first byte and end of a tensor; None where these are not what they should be."""
    try:
        format_, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in (*shape, first, last))
    except (TypeError, KeyError, ValueError):
        return None
    known = whole and isinstance(format_, str) and isinstance(shape, list)
    return (format_, shape, first, last) if known else None


def _check_metadata(path: Path, metadata: Any) -> dict[str, str]:
    if not (isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())):
        raise InputError(_damaged(path, "its metadata values are not strings"))
    try:
        config = json.loads(metadata.get(CONFIG, "{}"))
        fits = all(isinstance(config.get(section, {}), dict) for section in SECTIONS)
    except (ValueError, RecursionError, AttributeError):
        fits = False
    if not fits:
        raise InputError(
            f"The metadata of {path} have a {CONFIG!r} that is not a JSON object of sections. Save the model again "
            "without it, or give another file."
        )
    return metadata


def _cut_short(path: Path, found: int, needed: int) -> str:
    return _damaged(path, f"its header promises {needed:,} bytes, the file has {found:,}")


def _damaged(path: Path, how: str) -> str:
    return f"{path} is damaged: {how}. Download it again."
