"""What the pack answers over HTTP beside its nodes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import folder_paths
from aiohttp import web

DIGEST = "/skyreels-audio/digest"
PIECE = 1 << 22  # bytes
LOCK = asyncio.Lock()  # one file at a time: the disk is no faster for several


def register_routes() -> None:
    """Nothing where no server runs, as in a script that imports the nodes."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None:
        server.routes.get(DIGEST)(answer)


async def answer(request: web.Request) -> web.Response:
    """`?name=FILE` of a model folder: its SHA-256, as download pages state it, and its size."""
    name = request.query.get("name", "")
    async with LOCK:
        found = await asyncio.to_thread(describe, name)
    missing = {"error": f"No model folder holds a file named '{name}'."}
    return web.json_response(found or missing, status=200 if found else 404)


def describe(name: str) -> dict[str, Any] | None:
    path = find(name)
    if path is None:
        return None
    state = path.stat()
    return {"name": name, "bytes": state.st_size, "sha256": digest(path, state.st_size, state.st_mtime_ns)}


def find(name: str) -> Path | None:
    """The file of the first model folder that lists this name; no other file is ever read."""
    for kind in folder_paths.folder_names_and_paths:
        if kind in ("custom_nodes", "configs"):
            continue
        path = (
            folder_paths.get_full_path(kind, name) if name in folder_paths.get_filename_list(kind) else None
        )
        if path is not None:
            return Path(os.path.realpath(path))
    return None


@lru_cache(maxsize=32)
def digest(path: Path, size: int, written: int) -> str:
    """Read once for each state of the file."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            sha.update(piece)
    return sha.hexdigest()
