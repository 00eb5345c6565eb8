"""The files that a finished prompt left on the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from .client import Client, File
from .names import named, publish


def outputs(entry: dict[str, Any]) -> list[File]:
    """Files of a history entry, whatever kind they are; previews only where nothing was saved."""
    files = [
        File(item["filename"], item.get("subfolder", ""), item["type"])
        for node in entry["outputs"].values()
        for items in node.values()
        if isinstance(items, list)
        for item in items
        if isinstance(item, dict) and "filename" in item and "type" in item
    ]
    files = list(dict.fromkeys(files))
    return [file for file in files if file.type == "output"] or files


def fetch(server: Client, entry: dict[str, Any], folder: Path, name: str | None = None) -> list[Path]:
    """Bring all of them or none, each under a name that no other file of the folder has."""
    files = outputs(entry)
    parts = [folder / f".{uuid4().hex}.part" for _ in files]
    try:
        for file, part in zip(files, parts, strict=True):
            with part.open("wb") as content:
                content.writelines(server.download(file))
        return [
            publish(part, folder, named(file.filename, name)) for file, part in zip(files, parts, strict=True)
        ]
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
