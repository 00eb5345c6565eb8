"""A command in a process of its own, watched: time, memory, the stage it says it is in, how it ended."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

BAR = re.compile(r"(\w+): +(\d+)%")
STARTING = "starting"  # until the first bar
POLL_SECONDS, SAMPLE_SECONDS = 0.005, 0.25
# Linux counts what a parent holds at the start of a process as the process's own peak: this parent is small.
LAUNCHER = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
print(pid, flush=True)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, flush=True)
"""


@dataclass
class Command:
    """One `skyreels-audio` command that runs; leaving the context kills it if it still does.

    threads: of torch; None leaves the choice to the command. module: of Python, that runs instead.
    """

    arguments: Sequence[str | Path]
    threads: int | None = None
    module: str | None = None
    status: int | None = None  # exit code, or minus the signal, once it has ended
    seconds: float = 0.0  # until it ended
    peak_gb: float = 0.0  # resident
    curve: list[tuple[float, float]] = field(default_factory=list)  # seconds, resident GB
    stages: dict[str, float] = field(default_factory=dict)  # when each one's bar was first seen
    heard: list[tuple[float, str]] = field(default_factory=list)  # seconds, what came on stderr

    def __enter__(self) -> Command:
        installed = Path(sys.executable).with_name("skyreels-audio")
        program = [installed] if self.module is None else [sys.executable, "-m", self.module]
        environment = dict(os.environ)
        if self.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        self.started = time.perf_counter()
        words = [sys.executable, "-S", "-c", LAUNCHER, *program, *self.arguments]
        self.launcher = subprocess.Popen(
            [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        output, errors = self.launcher.stdout, self.launcher.stderr
        assert output is not None and errors is not None  # they are pipes
        self.ending = output
        self.pid = int(output.readline())
        self.reader = threading.Thread(target=self._listen, args=(errors.fileno(),), daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self.ended():
            self.send(signal.SIGKILL)
            self.wait()

    @property
    def running(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.started

    @property
    def said(self) -> str:
        return "".join(text for _, text in self.heard)

    @property
    def stage(self) -> tuple[str, int]:
        """The bar that moved last, and how far it is, in %."""
        bars = BAR.findall(self.said[-2000:])
        return (bars[-1][0], int(bars[-1][1])) if bars else (STARTING, 0)

    def ended(self) -> bool:
        """Whether it has; waits a moment where it has not."""
        if self.status is not None:
            return True
        if select.select([self.ending], [], [], POLL_SECONDS)[0]:
            self.seconds = self.running
            self.status, kilobytes = map(int, self.ending.readline().split())
            self.peak_gb = kilobytes / 1e6
            self.launcher.wait()
            self.reader.join()
            return True
        if not self.curve or self.running - self.curve[-1][0] >= SAMPLE_SECONDS:
            self._sample()
        return False

    def wait(self) -> Command:
        while not self.ended():
            pass
        return self

    def finish(self) -> Command:
        """Wait for its good end. Raises RuntimeError with its last words for a bad one."""
        if self.wait().status:
            words = " ".join(map(str, self.arguments))
            raise RuntimeError(f"skyreels-audio {words} ended with {self.status}: {self.said[-600:]}")
        return self

    def send(self, number: int) -> float:
        """Send a signal, unless it has ended; the second at which it was sent."""
        sent = self.running
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return sent

    def when_said(self, words: str) -> float:
        """The second at which `words` had come on stderr. Raises RuntimeError where they never came."""
        text = ""
        for seconds, piece in self.heard:
            text += piece
            if words in text:
                return seconds
        raise RuntimeError(f"The run never said {words}: {text[-600:]}")

    def _sample(self) -> None:
        with contextlib.suppress(psutil.Error):  # it may end at this moment
            if held := psutil.Process(self.pid).memory_info().rss:
                self.curve.append((self.running, held / 1e9))

    def _listen(self, errors: int) -> None:
        while piece := os.read(errors, 65536):
            self.heard.append((self.running, piece.decode(errors="replace")))
            stage = self.stage[0]
            if stage != STARTING:
                self.stages.setdefault(stage, self.running)


def measured(
    arguments: Sequence[str | Path], threads: int | None = None, module: str | None = None
) -> Command:
    """The command run to its end."""
    with Command(arguments, threads, module) as command:
        return command.finish()


def highest_of_each_span(curve: Sequence[tuple[float, float]], points: int = 20) -> list[list[float]]:
    """The highest of each of `points` equal spans of time: [seconds, GB]."""
    span = max(curve[-1][0] / points, SAMPLE_SECONDS)
    highest: dict[int, float] = {}
    for seconds, gb in curve:
        at = int(seconds / span)
        highest[at] = max(highest.get(at, 0.0), gb)
    return [[round(at * span, 1), round(gb, 3)] for at, gb in highest.items()]
