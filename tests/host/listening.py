"""What a server says over its websocket while it works."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import websocket
from host_server import RUN, HostServer

PICTURES, TEXT = (1, 4), 3  # kinds of binary messages
ENDS = ("execution_success", "execution_error", "execution_interrupted")


@dataclass(frozen=True)
class Message:
    seconds: float  # of the clock time.monotonic
    kind: str  # of a JSON message, or "picture" or "text"
    data: Any  # of a JSON message; a picture's bytes; what a text says


@contextmanager
def listening(server: HostServer) -> Iterator[Iterator[Message]]:
    """All messages to the server's client, in order; the iterator ends with a prompt."""
    address = server.url.replace("http", "ws", 1) + f"/ws?clientId={server.client.id}"
    connection = websocket.create_connection(address, timeout=RUN)
    try:
        yield messages(connection)
    finally:
        connection.close(timeout=1)


def messages(connection: websocket.WebSocket) -> Iterator[Message]:
    while True:
        message = read(connection.recv())
        yield message
        if message.kind in ENDS:
            return


def read(received: str | bytes) -> Message:
    now = time.monotonic()
    if isinstance(received, str):
        content = json.loads(received)
        return Message(now, content["type"], content.get("data"))
    (kind,) = struct.unpack(">I", received[:4])
    if kind in PICTURES:
        return Message(now, "picture", received[4:])
    if kind != TEXT:
        return Message(now, f"binary {kind}", received[4:])
    (name,) = struct.unpack(">I", received[4:8])
    return Message(now, "text", received[8 + name :].decode())


def heard(server: HostServer, prompt: dict) -> list[Message]:
    """Everything that is said from queueing a prompt to its end."""
    with listening(server) as said:
        server.client.queue(prompt)
        return list(said)


def texts(heard: list[Message]) -> list[str]:
    return [message.data for message in heard if message.kind == "text"]
