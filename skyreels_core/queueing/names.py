"""File names that every system takes, for files that come from elsewhere."""

from __future__ import annotations

import os
import re
import unicodedata
from itertools import count
from pathlib import Path

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
LONGEST = 180  # bytes of a stem; file systems take 255 of a name


def named(filename: str, wanted: str | None = None) -> str:
    """A server's file name made safe; with `wanted` in place of its stem."""
    stem, suffix = os.path.splitext(clean(filename))
    if wanted is not None:
        stem = clean(wanted)
        if suffix and stem.lower().endswith(suffix.lower()):
            stem = stem[: -len(suffix)]
    return safe_stem(stem) + suffix[:20]


def clean(text: str) -> str:
    return FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).strip(" .")


def safe_stem(stem: str) -> str:
    short = stem.encode("utf-8", "ignore")[:LONGEST].decode("utf-8", "ignore").rstrip(" .") or "output"
    return f"_{short}" if DEVICE.match(short) else short


def publish(part: Path, folder: Path, name: str) -> Path:
    """Move a finished file into the folder, beside what is there: name, name-2, name-3 ..."""
    stem, suffix = os.path.splitext(name)
    numbers = count(2)
    while True:
        path = folder / name
        try:
            path.open("x").close()  # from here on the name is ours
        except FileExistsError:
            name = f"{stem}-{next(numbers)}{suffix}"
            continue
        os.replace(part, path)
        return path
