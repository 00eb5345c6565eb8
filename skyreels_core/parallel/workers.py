"""A worker: a process of its own that answers messages one by one. The process that asks joins no group."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Protocol, cast

from .messages import read_message, write_message

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]  # that the package is imported from, here and there
LINES = 20  # of what a worker prints, of which the last is in the sentence about its end
PATIENCE = 10  # seconds for a process to end once it is killed


class Lost(Exception):
    """A worker has ended, or cannot be reached."""


# (number of the worker, its answer, or Lost)
Inbox = SimpleQueue[tuple[int, Any]]


class Worker(Protocol):
    """Answers (number, kind, value) with (number, "done", value) or (number, "failed", sentence), in order."""

    name: str  # in a sentence: "worker 2 (cuda:1)"

    def send(self, message: tuple[int, str, Any]) -> None:
        """Never waits; the answer, or Lost, appears in the inbox."""
        ...

    def kill(self) -> None:
        """At once, whatever it does; again without effect."""
        ...


class WorkerProcess:
    """Started with `subprocess`; messages travel through its stdin and stdout, so nothing is left on any disk."""

    def __init__(self, number: int, name: str, module: str, inbox: Inbox) -> None:
        """`module` has a `main`, which calls `serving.serve`."""
        self.name, self._number, self._inbox = name, number, inbox
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        self._printed: deque[str] = deque(maxlen=LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[0] = {str(ROOT)!r}; from {module} import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,  # Ctrl-C is the caller's affair, which then ends its workers
        )  # fmt: skip
        self._threads = [self._run(self._write), self._run(self._listen), self._run(self._read)]

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: tuple[int, str, Any]) -> None:
        self._outbox.put(message)

    def kill(self) -> None:
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # the system itself cannot end it
            self._process.wait(PATIENCE)
        self._outbox.put(None)

    def _run(self, target: Callable[[], None]) -> Thread:
        thread = Thread(target=target, name=f"{self.name} {target.__name__}", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        stream = cast(IO[bytes], self._process.stdin)
        with suppress(OSError):  # it has ended, which `_read` reports
            while (message := self._outbox.get()) is not None:
                write_message(cast(Any, stream), message)
        _close(stream)

    def _listen(self) -> None:
        for line in cast(IO[bytes], self._process.stderr):
            text = line.decode(errors="replace").rstrip()
            if text:
                self._printed.append(text)
                logger.debug("%s: %s", self.name, text)

    def _read(self) -> None:
        stream = cast(IO[bytes], self._process.stdout)
        try:
            while True:
                self._inbox.put((self._number, read_message(cast(Any, stream))))
        except (EOFError, OSError, ValueError):
            self._inbox.put((self._number, Lost(self._end())))
        finally:
            _close(stream)

    def _end(self) -> str:
        """How it ended, in brackets of a sentence."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        self._threads[1].join(1)
        said = f": {self._printed[-1][:200]}" if self._printed else ""
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}{said}"


def _close(stream: IO[bytes]) -> None:
    with suppress(OSError):
        stream.close()


def take(inbox: Inbox, seconds: float) -> tuple[int, Any] | None:
    try:
        return inbox.get(timeout=seconds)
    except Empty:
        return None
