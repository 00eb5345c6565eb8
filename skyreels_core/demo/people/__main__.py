"""python -m skyreels_core.demo.people: contact sheets, a talking clip, a data set."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ...errors import InputError


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m skyreels_core.demo.people", description=__doc__)
    commands = parser.add_subparsers(required=True)
    sheet = commands.add_parser("sheet", help="contact sheets of people, of visemes or of a talking person")
    sheet.add_argument("output", type=Path, help="a .png file")
    sheet.add_argument("--kind", choices=("people", "faces", "visemes", "talk"), default="people")
    sheet.add_argument("--cast", action="store_true", help="the named people instead of numbered ones")
    sheet.add_argument("--first", type=int, default=0, help="number of the first person (default: 0)")
    sheet.add_argument("--count", type=int, default=6, help="how many people (default: 6)")
    sheet.add_argument("--size", type=int, default=192, help="pixels a side (default: 192)")
    sheet.set_defaults(run=_sheet)
    render = commands.add_parser(
        "render", help="a folder of takes to train on; an interrupted one is completed"
    )
    render.add_argument("folder", type=Path)
    render.add_argument("--first", type=int, default=0, help="number of the first take (default: 0)")
    render.add_argument("--count", type=int, required=True, help="how many takes, of about 80 frames each")
    render.add_argument(
        "--held-out", action="store_true", help="faces, voices and sentences that are kept from training"
    )
    render.add_argument("--width", type=int, default=192)
    render.add_argument("--height", type=int, default=192)
    render.add_argument("--fps", type=float, default=25.0)
    render.add_argument("--sentences", type=int, default=1, help="in each take (default: 1)")
    render.add_argument("--processes", type=int, default=1, help="one for each core (default: 1)")
    render.set_defaults(run=_render)
    return parser


def _sheet(options: Namespace) -> None:
    from . import sheets
    from .identity import CAST

    numbers = list(CAST.values()) if options.cast else range(options.first, options.first + options.count)
    if options.kind == "talk":
        sheets.talk_sheet(options.output, numbers[0], options.size)
        return
    make = {"people": sheets.people_sheet, "faces": sheets.faces_sheet, "visemes": sheets.viseme_sheet}[
        options.kind
    ]
    make(options.output, numbers, options.size)


def _render(options: Namespace) -> None:
    from .dataset import Filming, render_takes
    from .takes import HELD_OUT

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    filming = Filming(options.folder, options.width, options.height, options.fps, options.sentences)
    first = options.first + HELD_OUT * options.held_out
    render_takes(filming, range(first, first + options.count), options.processes)


if __name__ == "__main__":
    sys.exit(main())
