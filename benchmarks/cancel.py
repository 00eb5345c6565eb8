"""Ctrl-C while sampling: how long until the run has stopped, against one forward; then it is resumed."""

from __future__ import annotations

import random
import re
import signal
import tempfile
from pathlib import Path

import numpy as np

from .kill import file_digest
from .long_material import Speaker
from .record import Record
from .watching import Command, measured

SECONDS, TIMES = 10.0, 5
SEED = 2026
TAKEN = re.compile(r"with (\d+) forward passes .*sampling ([\d.]+) s")
# Exit code after Ctrl-C.
INTERRUPTED = 130
SAID = "Interrupted"


def run(record: Record) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands on a deaf one
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = Speaker.draw(0, SECONDS).animate(folder)
        undisturbed = measured([*words, "-o", folder / "undisturbed.mp4"])
        forwards, sampling = taken(undisturbed.said)
        spans = undisturbed.stages["decoding"] - undisturbed.stages["sampling"]
        cancelled = [*words, "-o", folder / "cancelled.mp4"]
        stops = [cancel(cancelled, times, spans) for times in range(TIMES)]
        measured([*cancelled, "--resume"])
        record["same_file"] = file_digest(folder / "cancelled.mp4") == file_digest(folder / "undisturbed.mp4")
    record["forward_seconds"] = sampling / forwards
    record["until_stopped_seconds"], record["until_exit_seconds"] = zip(*stops, strict=True)
    record["until_stopped_median"], record["until_exit_median"] = (
        float(np.median(values)) for values in zip(*stops, strict=True)
    )


def taken(said: str) -> tuple[int, float]:
    """Forward passes, and seconds of sampling."""
    if (found := TAKEN.search(said)) is None:
        raise RuntimeError(f"The run did not say what its sampling took: {said[-600:]}")
    return int(found[1]), float(found[2])


def cancel(words: list[str | Path], times: int, sampling_seconds: float) -> tuple[float, float]:
    """Seconds from Ctrl-C, at a random moment of the next part of the sampling, to the message and to the exit."""
    moment = (0.1 + 0.8 * random.Random(f"cancel {SEED} {times}").random()) * sampling_seconds / TIMES
    with Command([*words, *(["--resume"] if times else [])]) as command:
        while not command.ended() and "sampling" not in command.stages:
            pass
        moment += command.running
        while not command.ended() and command.running < moment:
            pass
        sent = command.send(signal.SIGINT)
        if command.wait().status != INTERRUPTED:
            raise RuntimeError(f"The run ended with {command.status} after Ctrl-C: {command.said[-600:]}")
        return command.when_said(SAID) - sent, command.seconds - sent
