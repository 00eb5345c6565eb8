"""Workers on several machines, as Ray actors. The package has to be installed on each of them, and the model's files
have to lie there under the same paths."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from ..errors import InputError, first_words
from .serving import Handler, answer
from .workers import Inbox, Lost

MISSING = "Ray is not installed, which workers on several machines need. Install it: pip install 'skyreels-audio[ray]'."
QUIET = {"include_dashboard": False, "log_to_driver": False}


def connect(address: str | None) -> Any:
    """The module, connected to the cluster of that address; without one to that of RAY_ADDRESS, else to a new one on
    this machine. Raises InputError where that cannot be."""
    try:
        import ray  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise InputError(MISSING) from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, **({} if address else QUIET))
        except Exception as error:  # of any kind: it is another project's code
            where = address or os.environ.get("RAY_ADDRESS") or "this machine"
            raise InputError(
                f"Ray cannot be reached on {where} ({first_words(error)}). Check the address, or start it there."
            ) from error
    return ray


class Actor:
    """Of one worker, on whichever machine Ray chooses."""

    def __init__(self, kind: Callable[[], Handler]) -> None:
        self.handler = kind()

    def answer(self, message: tuple[int, str, Any]) -> tuple[int, str, Any]:
        return answer(self.handler, message)


class RayWorker:
    """A `Worker`; what it answers arrives by a thread that waits for Ray."""

    pid = None

    def __init__(self, ray: Any, number: int, name: str, kind: Callable[[], Handler], inbox: Inbox) -> None:
        """`kind` makes what answers the messages; a worker takes one GPU where the cluster has any."""
        self.name, self._ray, self._number, self._inbox = name, ray, number, inbox
        self._expected: SimpleQueue[Any] = SimpleQueue()
        gpus = 1 if ray.cluster_resources().get("GPU", 0) else 0
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0}
        self._actor = ray.remote(Actor).options(**options).remote(kind)
        Thread(target=self._read, name=f"{name} read", daemon=True).start()

    def send(self, message: tuple[int, str, Any]) -> None:
        self._expected.put(self._actor.answer.remote(message))

    def kill(self) -> None:
        with suppress(Exception):  # it may have ended, and Ray with it
            self._ray.kill(self._actor)
        self._expected.put(None)

    def _read(self) -> None:
        try:
            while (expected := self._expected.get()) is not None:
                self._inbox.put((self._number, self._ray.get(expected)))
        except Exception as error:  # of any kind: the actor, its machine or Ray itself is gone
            self._inbox.put((self._number, Lost(first_words(error))))


def own_device() -> torch.device:
    """Of an actor: the GPU that Ray gave it, if it did."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
