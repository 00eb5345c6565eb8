"""skyreels-audio: the command line. Heavy imports wait until a command runs."""

from __future__ import annotations

import logging
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper

from ..errors import InputError, sentence
from .parser import build_parser

REFUSED, INTERRUPTED = 2, 130  # exit codes


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. What the user can fix is one sentence on stderr."""
    debug = False
    try:
        with log_to_stderr(logging.INFO):
            args = build_parser().parse_args(argv)
        debug = args.debug
        show_any_name()
        with warnings.catch_warnings(), log_to_stderr(logging.DEBUG if debug else logging.INFO):
            if not debug:  # what libraries have to say to programmers
                warnings.simplefilter("ignore")
            return run(args)
    except KeyboardInterrupt as stop:
        return refuse(str(stop) or "Interrupted; no unfinished file is left.", INTERRUPTED)
    except (InputError, OSError) as error:
        if debug:
            raise
        return refuse(sentence(error), REFUSED)


def run(args: Namespace) -> int:
    if args.command == "queue":  # the server has the model; this side is quick to start
        from .queue import queue

        return queue(args)
    if args.command == "verify":
        from .verify import verify

        return verify(args)
    if args.command == "benchmark":
        from .benchmark import benchmark

        return benchmark(args)
    if args.command == "inspect":  # a header alone: without the networks and what they import
        from .inspect import inspect

        inspect(args)
        return 0
    from ..cli import commands

    commands.run(args)
    return 0


def show_any_name() -> None:
    """A name that the terminal cannot show is spelled out: it must not end a command whose file is written."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def refuse(message: str, code: int) -> int:
    print(f"skyreels-audio: {message}", file=sys.stderr)
    return code


class TqdmHandler(logging.Handler):
    """Log lines above the progress bars instead of through them."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def log_to_stderr(level: int) -> Iterator[None]:
    logger, handler = logging.getLogger("skyreels_core"), TqdmHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
