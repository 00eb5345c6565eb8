"""Inside a worker: messages come on stdin, answers go to stdout, and it ends with the process that started it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

import torch

from ..errors import InputError, first_words
from .messages import read_message, write_message

Handler = Callable[[str, Any], Any]  # (kind, value) -> the answer


def serve(handler: Handler) -> None:
    """Answer until the caller has gone. Whatever libraries print goes to stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    inbox: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    while True:
        write_message(answers, answer(handler, inbox.get()))  # pyright: ignore[reportArgumentType]


def answer(handler: Handler, message: tuple[int, str, Any]) -> tuple[int, str, Any]:
    number, kind, value = message
    try:
        return number, "done", handler(kind, value)
    except Exception as error:  # whatever it is, the caller has to know
        traceback.print_exc()
        return number, "failed", described(error)


def described(error: Exception) -> str:
    """What the user is told, as the end of a sentence about the worker."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return (
            "its GPU ran out of memory. Make the picture smaller (--width, --height) or the windows shorter "
            "(--window), or close other programs that use it."
        )
    return f"{type(error).__name__}: {first_words(error)}."


def _receive(stream: BinaryIO, inbox: SimpleQueue[Any]) -> None:
    try:
        while True:
            inbox.put(read_message(stream))
    except (EOFError, OSError):
        os._exit(0)  # in the middle of a forward too: nobody waits for it
