"""Runs killed at random moments and taken up again: the file is the one of a run that nobody disturbed."""

from __future__ import annotations

import hashlib
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from .long_material import Speaker
from .record import Record
from .watching import Command, measured

# of voice; fewer steps and pixels than the preset's, to make many runs affordable
SECONDS, STEPS, SIDE = 30.0, 8, 64
PLAIN, CACHED, MULTISTEP = "Euler", "Euler with TeaCache", "DPM++(2M) with TeaCache"
WAYS = {
    PLAIN: ("--tea-cache", "0"),
    CACHED: ("--tea-cache", "0.05"),
    MULTISTEP: ("--solver", "dpmpp_2m", "--tea-cache", "0.05"),
}
RUNS = (PLAIN, CACHED, MULTISTEP, PLAIN, CACHED, MULTISTEP, PLAIN, PLAIN, CACHED, MULTISTEP)
LATE = 3  # the last of the runs are killed while frames are decoded and written, the others before
TWICE = (1, 4, 7)  # which runs are killed again after they were taken up
AT_ONCE, SEED = 2, 2026

Words = Sequence[str | Path]


@dataclass(frozen=True)
class Undisturbed:
    """seconds: from the first bar to the end; decoding: when it began, as a share of them."""

    file: str
    frames: str
    seconds: float
    decoding: float


@dataclass(frozen=True)
class Disturbed:
    """A run in a folder of its own, killed after each of `shares` of what an undisturbed one still had to do."""

    folder: Path
    words: Words
    shares: tuple[float, ...]

    @property
    def output(self) -> Path:
        return self.folder / "hello.mp4"

    @property
    def work(self) -> Path:
        return self.folder / "hello.mp4.work"

    def command(self) -> Words:
        return [*self.words, "-o", self.output, *(["--resume"] if self.work.exists() else [])]

    def beside(self) -> list[str]:
        """All that lies beside the work folder; the inputs are elsewhere."""
        return sorted(path.name for path in self.folder.iterdir() if path != self.work)

    def in_work(self) -> list[str]:
        return sorted(path.name for path in self.work.iterdir()) if self.work.is_dir() else []


def run(record: Record, seconds: float = SECONDS, runs: Sequence[str] = RUNS) -> None:
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        folder = Path(name)
        made = ("--steps", str(STEPS), "--width", str(SIDE), "--height", str(SIDE))
        words = [*Speaker.draw(0, seconds).animate(folder), *made]
        ways = {way: [*words, *WAYS[way]] for way in sorted(set(runs))}
        found = pool.map(lambda way: undisturbed(folder / way, ways[way]), ways)
        references = dict(zip(ways, found, strict=True))

        def kill_one(index: int) -> dict[str, Any]:
            way, reference = runs[index], references[runs[index]]
            case = Disturbed(folder / str(index), ways[way], shares(index, len(runs), reference.decoding))
            outcome = {"way": way, **disturb(case, reference)}
            hit = ", ".join(f"{kill['stage']} {kill['percent']} %" for kill in outcome["kills"])
            sys.stderr.write(f"kill {index + 1} of {len(runs)}: {hit}; same file: {outcome['same_file']}\n")
            return outcome

        record["runs"] = list(pool.map(kill_one, range(len(runs))))
    record["voice_seconds"], record["steps"], record["side"] = seconds, STEPS, SIDE
    record["undisturbed_seconds"] = {way: one.seconds for way, one in references.items()}
    record["same"] = sum(one["same_file"] and one["same_frames"] for one in record["runs"])
    record["stages"] = [kill["stage"] for one in record["runs"] for kill in one["kills"]]


def shares(index: int, runs: int, decoding: float) -> tuple[float, ...]:
    """A random moment in this run's part of the whole, and for some another one of what is left after it."""
    rng = random.Random(f"kill {SEED} {index}")
    early = runs - min(LATE, runs - 1)
    if index < early:
        first = decoding * (index + rng.random()) / early
    else:
        first = decoding + (1 - decoding) * (index - early + rng.random()) / (runs - early)
    return (first, rng.random()) if index in TWICE else (first,)


def undisturbed(folder: Path, words: Words) -> Undisturbed:
    folder.mkdir()
    output = folder / "hello.mp4"
    command = measured([*words, "-o", output], threads=1)
    first = min(command.stages.values())
    seconds = command.seconds - first
    decoding = (command.stages["decoding"] - first) / seconds
    return Undisturbed(file_digest(output), frames_digest(output), seconds, decoding)


def disturb(case: Disturbed, reference: Undisturbed) -> dict[str, Any]:
    """Kill the run at its moments, take it up until it is done, compare."""
    case.folder.mkdir()
    kills, left = [], reference.seconds
    for share in case.shares:
        kill = killed(case, share * left)
        while kill is None and not kills:  # ready before: once more, earlier
            case.output.unlink()
            share *= 0.9
            kill = killed(case, share * left)
        kills += [] if kill is None else [kill]
        left *= 1 - share
    if not case.output.exists() or case.work.exists():
        measured(case.command(), threads=1)
    return {
        "kills": kills,
        "left_at_the_end": [name for name in case.beside() + case.in_work() if name != case.output.name],
        "same_file": file_digest(case.output) == reference.file,
        "same_frames": frames_digest(case.output) == reference.frames,
    }


def killed(case: Disturbed, moment: float) -> dict[str, Any] | None:
    """Kill it `moment` seconds after its first bar; what there is then. None where it was ready before."""
    with Command(case.command(), threads=1) as command:
        while not command.ended() and not command.stages:
            pass
        first = command.running
        while not command.ended() and command.running < first + moment:
            pass
        stage, percent = command.stage
        command.send(signal.SIGKILL)
        if command.wait().status != -signal.SIGKILL:
            command.finish()
            return None
    kill = {"after_seconds": moment, "stage": stage, "percent": percent}
    return {**kill, "work": case.in_work(), "beside": case.beside()}


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def frames_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()
