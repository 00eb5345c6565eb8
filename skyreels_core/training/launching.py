"""Starting one training process for each device, and ending all of them with the first that fails."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import IO, Any, cast

from ..errors import InputError
from ..parallel.devices import Devices
from ..parallel.sequence.groups import HERE, open_store
from ..parallel.workers import LINES, PATIENCE
from .ranks import checked_devices, environment, last_words

LOST = ("Connection closed by peer", "Connection reset by peer", "ncclRemoteError")
PAUSE = 0.1  # seconds between two looks at the processes


class Rank:
    """A process; what it prints to stderr is kept, and shown where it is the first."""

    def __init__(self, number: int, name: str, command: Sequence[str], env: dict[str, str]):
        self.name = f"device {number} ({name})"
        self.printed: deque[str] = deque(maxlen=LINES)
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.thread = Thread(target=self._listen, args=(number == 0,), daemon=True)
        self.thread.start()

    def _listen(self, shown: bool) -> None:
        stream, line = cast(Any, self.process.stderr), b""
        while piece := stream.read1(4096):
            if shown:
                sys.stderr.write(piece.decode(errors="replace"))
                sys.stderr.flush()
            *whole, line = (line + piece).replace(b"\r", b"\n").split(b"\n")
            self.printed.extend(text for each in whole if (text := each.decode(errors="replace").strip()))

    def end(self) -> None:
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        cast(IO[bytes], self.process.stdin).close()

    def fails_with_another(self) -> bool:
        """Whether it says that it has lost a rank, which then has more to say."""
        self.thread.join(1)
        return any(words in line for line in self.printed for words in LOST)

    def words(self) -> str:
        code = self.process.returncode
        self.thread.join(1)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}{last_words(list(self.printed))}"


def launch(command: Sequence[str], devices: Devices) -> None:
    """Run the command once for each device, with a place among the others. Raises InputError with the words of the one
    that fails first; none is left then, nor after an interruption."""
    count = len(checked_devices(devices).names)
    store = open_store(count)
    ranks: list[Rank] = []
    try:
        for number, name in enumerate(devices.names):
            ranks.append(Rank(number, name, command, environment(number, count, store.port, HERE)))
        _watch(ranks, devices.timeout)
    finally:
        for rank in ranks:
            rank.end()


def _watch(ranks: Sequence[Rank], seconds: float) -> None:
    """Until all have ended, the last of them so many seconds after the first."""
    until = math.inf
    while None in (codes := [rank.process.poll() for rank in ranks]):
        if any(codes):
            time.sleep(5 * PAUSE)  # a rank that fails because another one did ends later
            break
        if 0 in codes:
            until = min(until, time.monotonic() + seconds)
        if time.monotonic() > until:
            late = ", ".join(rank.name for rank, code in zip(ranks, codes, strict=True) if code is None)
            raise InputError(f"Training stopped: {late} did not end within {seconds:g} s of the others.")
        time.sleep(PAUSE)
    failed = [rank for rank in ranks if rank.process.poll()]
    if failed:
        first = min(failed, key=Rank.fails_with_another)
        raise InputError(
            f"Training stopped: {first.words()}. The last checkpoint is kept: repeat the command to resume."
        )
