"""What a file is that was given as .safetensors and is none, told by its first bytes."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

START = 4096  # bytes that tell
LONGEST_QUOTE = 120  # characters of what a file says
AGAIN = "Download it again"

PICKLE = (
    "a pickle, which can run foreign code when it is read. Convert it once with:\n"
    'python -c "import torch, safetensors.torch as s; '
    "s.save_file({{k: v.clone() for k, v in torch.load('{path}', weights_only=True).items()}}, '{target}')\""
)
ARCHIVE = "{kind}, not a safetensors file. Unpack it and give the .safetensors file that is in it."
GGUF = "a GGUF file{of}, which needs a GGUF loader in ComfyUI. Give the safetensors file of this model."
LFS = "a Git LFS pointer, not the weights. Download them with: git lfs pull"
PAGE = (
    f"a web page, not a safetensors file{{title}}. {AGAIN} with the link of the file itself, signed in where the site "
    "asks for it."
)
ANSWER = (
    f"a web site's error message, not a safetensors file ({{said}}). {AGAIN}, signed in where the site asks "
    "for it."
)
INDEX = (
    "the index of a model in parts, not a safetensors file. Give the model in one file; where a node takes parts, "
    "give any of the parts."
)
SETTINGS = "{kind} (JSON), not a safetensors file. Give the .safetensors file with the weights."
OTHER = "{kind}, not a safetensors file. Give the model as .safetensors."
UNKNOWN = "not a safetensors file. Give the model as .safetensors."
ZEROS = f"not a safetensors file: it begins with zeros, so its download was interrupted. {AGAIN}."
EMPTY = f"empty, not a safetensors file. {AGAIN}."

ARCHIVES = {b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive",
            b"BZh": "a bzip2 archive", b"\xfd7zXZ": "an xz archive", b"\x28\xb5\x2f\xfd": "a zstd archive"}  # fmt: skip
MEDIA = {b"\x89PNG": "a picture (PNG)", b"\xff\xd8\xff": "a picture (JPEG)", b"RIFF": "a sound or video (RIFF)",
         b"%PDF": "a PDF", b"fLaC": "a sound (FLAC)", b"OggS": "a sound (Ogg)", b"ID3": "a sound (MP3)",
         b"\x89HDF": "an HDF5 file", b"\x93NUMPY": "a NumPy array"}  # fmt: skip
JSON_KINDS = {  # by a key at the top
    "class_type": "a ComfyUI workflow", "nodes": "a ComfyUI workflow", "_class_name": "a model's configuration",
    "model_type": "a model's configuration", "architectures": "a model's configuration",
}  # fmt: skip
COMPLAINTS = ("error", "errors", "message", "detail", "Error")
REFUSAL = re.compile(
    r"(access|forbidden|unauthori[sz]ed|(entry )?not found|error|invalid|repository|40[0-9])\b"
)
# protobuf: ir_version, then another field
ONNX = re.compile(rb"\x08[\x03-\x0f][\x12\x1a\x22\x2a\x32\x3a\x42]")


def foreign_format(path: Path) -> str:
    """What follows "FILE is"; what to do is in it."""
    with path.open("rb") as file:
        start = file.read(START)
    target = path.with_suffix(".safetensors")
    if not start:
        return EMPTY
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(path).format(path=path, target=target)
    if start.startswith(b"\x80"):
        return PICKLE.format(path=path, target=target)
    if start.startswith(b"GGUF"):
        return GGUF.format(of=_architecture(start))
    if not start.strip(b"\0"):
        return ZEROS
    if kind := next((kind for magic, kind in ARCHIVES.items() if start.startswith(magic)), None):
        return ARCHIVE.format(kind=kind)
    if start[257:262] == b"ustar":
        return ARCHIVE.format(kind="a tar archive")
    return _binary(path, start) or _text(path, start) or UNKNOWN


def _zip(path: Path) -> str:
    """PyTorch's files are zip archives with a pickle in them, or with code."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return f"a pickle or zip archive that is damaged, not a safetensors file. {AGAIN}."
    if any(name.endswith("data.pkl") for name in names):
        return PICKLE
    if "[Content_Types].xml" in names:
        return OTHER.format(kind="an Office document")
    return ARCHIVE.format(kind="a zip archive")


def _architecture(start: bytes) -> str:
    """From the first entry of a GGUF file: its key, the type 8 of a text, the text."""
    found = re.search(rb"general\.architecture\x08\0\0\0(.)\0{7}([a-z0-9_-]+)", start, re.DOTALL)
    return "" if found is None else f" of the kind {found[2][: found[1][0]].decode('ascii')!r}"


def _binary(path: Path, start: bytes) -> str | None:
    kind = next((kind for magic, kind in MEDIA.items() if start.startswith(magic)), None)
    if start[4:8] == b"ftyp":
        kind = "a video or sound (MP4)"
    elif start[4:8] == b"TFL3":
        kind = "a TensorFlow Lite model"
    elif ONNX.match(start) or path.suffix.lower() == ".onnx":
        kind = "an ONNX model"
    return None if kind is None else OTHER.format(kind=kind)


def _text(path: Path, start: bytes) -> str | None:
    text = start.decode(
        "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "replace"
    ).strip()
    if text.startswith("version https://git-lfs") or text.startswith("oid sha256:"):
        return LFS
    if text.startswith(("{", "[")):
        return _json(path, text)
    low = text.lower()
    if low.startswith(("<!doctype html", "<html", "<head", "<body")) or "<html" in low:
        title = re.search(r"<title[^>]*>\s*([^<]+)", text, re.IGNORECASE)
        return PAGE.format(title="" if title is None else f" ({_quote(title[1])!r})")
    if low.startswith("<"):
        message = re.search(r"<(?:message|code)>([^<]+)", text, re.IGNORECASE)
        return ANSWER.format(said="XML" if message is None else _quote(message[1]))
    if REFUSAL.match(low):
        return ANSWER.format(said=_quote(text))
    return None


def _json(path: Path, text: str) -> str | None:
    try:
        content = json.loads(
            path.read_text(encoding="utf-8-sig") if path.stat().st_size < 100_000_000 else ""
        )
    except (ValueError, RecursionError, OSError):
        return f"a JSON text that is damaged, not a safetensors file. {AGAIN}." if '"' in text[:9] else None
    if not isinstance(content, dict):
        return OTHER.format(kind="a JSON text")
    if "weight_map" in content:
        return INDEX
    if complaint := next((content[key] for key in COMPLAINTS if key in content), None):
        return ANSWER.format(said=_quote(_words(complaint)))
    nested = next((entry for entry in content.values() if isinstance(entry, dict)), {})
    kind = next((kind for key, kind in JSON_KINDS.items() if key in content or key in nested), "a text")
    return SETTINGS.format(kind=kind)


def _words(complaint: Any) -> str:
    if isinstance(complaint, dict):
        return str(complaint.get("message", complaint))
    return str(complaint)


def _quote(text: str) -> str:
    return " ".join(text.split())[:LONGEST_QUOTE].rstrip(".")
