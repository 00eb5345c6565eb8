"""What a server tells of itself: its versions, the memory that a job takes, and the digests of weights files."""

from __future__ import annotations

import re
from threading import Event, Thread
from types import TracebackType
from typing import Any

from ..queueing.client import CONNECT, Client, Prompt, Refused, Unreachable

EVERY = 0.5  # seconds between two looks at the memory
WEIGHTS = re.compile(r".+\.(safetensors|sft|gguf|ckpt|pt|pth|bin)", re.IGNORECASE)
READING = 1800  # seconds that the server may need to read a weights file
DIGEST = "/skyreels-audio/digest"  # a route of the pack


def system(server: Client) -> dict[str, Any]:
    """Versions and devices, as /system_stats has them."""
    return server.ask("GET", "/system_stats")


class MemoryWatch:
    """The most memory that is in use on the server's first device while this is open, bytes."""

    def __init__(self, address: str):
        self.server, self.over, self.most = Client(address), Event(), 0
        self.thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.thread.join()

    def take(self) -> int:
        """The most since the last call."""
        most, self.most = self.most, 0
        return most

    def _look(self) -> None:
        while not self.over.wait(EVERY):
            try:
                device = system(self.server)["devices"][0]
            except (Unreachable, Refused, LookupError):
                continue
            self.most = max(self.most, device["vram_total"] - device["vram_free"])


def weights_of(prompt: Prompt) -> list[str]:
    """The names of weights files that a workflow loads."""
    values = (value for node in prompt.values() for value in node["inputs"].values())
    return sorted({value for value in values if isinstance(value, str) and WEIGHTS.fullmatch(value)})


def digest(server: Client, name: str) -> dict[str, Any]:
    """`sha256` and `bytes` of a weights file of the server, or the `problem` that there is with it.

    The server reads the whole file, which takes minutes for a large one.
    """
    try:
        return server.ask("GET", DIGEST, params={"name": name}, timeout=(CONNECT, READING))
    except Refused as error:
        return {"problem": f"The pack on the server does not tell it: {error}."}
    except Unreachable as error:
        return {"problem": f"The server did not answer: {error}."}
