"""The command line in processes of its own that can be killed, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

PATIENCE = 300  # seconds, on a machine that has much else to do


@dataclass(frozen=True)
class Started:
    """A command that runs. `said` holds its words on stderr."""

    process: BaseProcess
    heard: Path
    peak: Path

    @property
    def said(self) -> str:
        return self.heard.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid

    def until(self, reached: Callable[[], bool]) -> Started:
        """Wait for something to be so while the command still runs."""
        limit = time.monotonic() + PATIENCE
        while not reached():
            assert self.process.is_alive(), f"it ended before: {self.said}"
            assert time.monotonic() < limit, self.said
            time.sleep(0.002)
        return self

    def end(self, number: int = 0) -> int:
        """The exit code, or minus the signal; with a number, it is sent that signal first."""
        if number:
            os.kill(self.pid, number)
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, self.said
        return self.process.exitcode

    def peak_bytes(self) -> int:
        """Of its resident memory, once it has ended."""
        return int(self.peak.read_text())


class Starter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[BaseProcess] = []
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["skyreels_core.cli.commands"])

    def __call__(self, *words: object) -> Started:
        index = len(self.processes)
        heard, peak = self.folder / f"{index}.txt", self.folder / f"{index}.peak"
        heard.touch()
        process = self.context.Process(target=_run, args=([str(word) for word in words], heard, peak))
        process.start()
        self.processes.append(process)
        return Started(process, heard, peak)

    def close(self) -> None:
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()


def _run(words: list[str], heard: Path, peak: Path) -> None:
    from skyreels_core.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands on a deaf one
    os.dup2(os.open(heard, os.O_WRONLY), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    code = main(words)
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak.write_text(str(usage if sys.platform == "darwin" else 1024 * usage))
    sys.exit(code)
