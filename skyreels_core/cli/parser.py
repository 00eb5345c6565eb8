"""The command line as a whole: what it refuses in which words, and its commands."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from typing import NoReturn

from .. import __version__
from ..errors import InputError
from .options.commands import (
    add_animate,
    add_benchmark,
    add_calibrate,
    add_data,
    add_demo,
    add_edit,
    add_evaluate,
    add_inspect,
    add_queue,
    add_train,
    add_verify,
)
from .renamed import current_names

LONGEST_MESSAGE = 300  # characters
NEGATIVE = re.compile(r"-\d*,\d+")  # which argparse would take for an option


class Parser(ArgumentParser):
    """Refuses in one sentence, as everything else does, where argparse prints a page and leaves."""

    # As argparse itself has it; its types are overloads.
    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args=None, namespace=None
    ):
        given = sys.argv[1:] if args is None else list(args)
        points = [word.replace(",", ".") if NEGATIVE.fullmatch(word) else word for word in given]
        return super().parse_known_args(current_names(points), namespace)

    def error(self, message: str) -> NoReturn:
        short = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} ..."
        raise InputError(
            f"The command line cannot be read ({short}); {self.prog} --help shows what can be given."
        )


def build_parser() -> ArgumentParser:
    parser = Parser("skyreels-audio", description="Audio-driven talking portraits.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    add_demo(commands)
    add_animate(commands)
    add_edit(commands)
    add_evaluate(commands)
    add_benchmark(commands)
    add_queue(commands)
    add_verify(commands)
    add_train(commands)
    add_data(commands)
    add_calibrate(commands)
    add_inspect(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show details and tracebacks")
    return parser
