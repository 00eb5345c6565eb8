"""Generate and measure all cells of a specification, and leave one page."""

from __future__ import annotations

import logging
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..benchmarking.estimate import Estimate, estimates
from ..benchmarking.fields import read_yaml
from ..benchmarking.folder import CELLS, Folder
from ..benchmarking.reading import find, included, read
from ..benchmarking.run import Choice, Run
from ..errors import InputError
from ..run.progress import clock
from .progress import Bars
from .queue import FAILED

logger = logging.getLogger(__name__)

OUTPUTS = Path("skyreels-benchmarks")
CHATTY = ("skyreels_core.pipeline", "skyreels_core.conditioning")  # a few lines for each of many videos


def benchmark(args: Namespace) -> int:
    """Exit code: 0 if every cell is there."""
    if args.list:
        for file in included():
            print(f"{file.stem}: {title_of(file)}")
        return 0
    if args.spec is None:
        raise InputError("Give a specification, or the name of an included one; --list shows them.")
    chosen = find(args.spec)
    choice = Choice(tuple(args.only), args.limit)
    folder = Folder(args.output or OUTPUTS / chosen.name)
    with Bars(leave=False) as bars, quiet(args.debug):
        if args.dry_run:
            show(Run(chosen, folder, choice, bars))
            return 0
        with resuming(folder):
            done = Run(chosen, folder, choice, bars).run()
    print(done.page)
    if done.failed:
        logger.error(
            "%d of %d cells failed; the page says why. The same command tries them again.",
            done.failed,
            done.cells,
        )
    return FAILED if done.failed else 0


def title_of(file: Path) -> str:
    """Of an included specification, whose folders need not be there."""
    try:
        return read(file, Path.cwd()).title
    except InputError:
        return read_yaml(file).text("title")


def show(run: Run) -> None:
    """What is left to do, for each setting and in all."""
    with tempfile.TemporaryDirectory() as folder:  # pieces of voices and first frames
        run.material.folder = Path(folder)
        found = list(estimates(run))
    for one in found:
        print(f"{one.setting.name}: {line(one)}")
    total = sum(one.cells for one in found)
    print(f"all: {total} cells, {sum(one.finished for one in found)} finished")


def line(one: Estimate) -> str:
    parts = [f"{one.cells} cells, {one.finished} finished"]
    if one.forwards:
        parts.append(f"{one.forwards} forward passes for {one.seconds:.1f} s of video left")
    if one.forwards and one.time_left is not None:
        parts.append(f"about {clock(one.time_left)} by the finished ones")
    if one.problems:
        parts.append(f"{len(one.problems)} cannot be generated, such as: {one.problems[0]}")
    return "; ".join(parts)


@contextmanager
def quiet(debug: bool) -> Iterator[None]:
    """Without what single videos have to say."""
    loggers = [logging.getLogger(name) for name in (() if debug else CHATTY)]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


@contextmanager
def resuming(folder: Folder) -> Iterator[None]:
    """An interruption says how to resume."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted. {folder.path / CELLS} keeps what is finished; resume with the same command."
        ) from None
