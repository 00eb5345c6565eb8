"""The inputs of a specification: portraits or clips, voices, prompts, seeds, and how they combine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ..api.evaluation import VIDEOS
from ..errors import InputError
from ..run.settings import SEEDS
from .fields import Fields
from .lists import files_of, located, read_text
from .spec import NEXT, OWN, Combine, Inputs, Task

LEAST_SECONDS = 0.1  # of a piece of a voice
PIECES_NEEDED = f"the seconds of the pieces that voices are cut into, at least {LEAST_SECONDS}"
SEEDS_NEEDED = f"a random seed from 0 to {SEEDS - 1}, or a list of them, such as [0, 1, 2]"


def inputs_of(fields: Fields, task: Task, base: Path) -> Inputs:
    """Raises InputError, naming file and field, for what is not there and for what cannot be meant."""
    what, drawn = _portraits_or_clips(fields, task)
    names = fields.texts(what, "files, folders or patterns")
    said, pieces = fields.filled("voices", "files, folders or patterns, or own, or next"), _pieces(fields)
    whose = said[0] if said in ([OWN], [NEXT]) else ""
    if whose and pieces is not None:
        raise InputError(
            f"{fields.path}: voice_pieces cuts sound files; leave it out where voices is {whose}."
        )
    shown = tuple(files_of(fields.path, what, names, base, VIDEOS if whose else ()))
    if whose:
        _check_own(fields.path, whose, shown)
    voices: Any = whose or tuple(files_of(fields.path, "voices", said, base))
    prompts, seeds = _prompts(fields, base), _seeds(fields)
    return Inputs(shown, drawn, voices, pieces, prompts, seeds, _combine(fields))


def _portraits_or_clips(fields: Fields, task: Task) -> tuple[str, int]:
    """Portraits or clips, and how many drawn faces there are instead."""
    what, foreign, also = (
        ("portraits", "clips", "edit") if task == "animate" else ("clips", "portraits", "animate")
    )
    drawn = fields.take("drawn_faces", "how many drawn faces, an integer above 0", int, 0)
    if foreign in fields:
        raise InputError(f"{fields.path}: {foreign} are for task: {also}; the task is {task}. Give {what}.")
    given = bool(fields.content.get(what))
    if given == bool(drawn) or drawn < 0 or (drawn and task == "edit"):
        other = " or drawn_faces" if task == "animate" else ""
        raise InputError(f"{fields.path}: the {task} task needs {what}{other}: files, folders or patterns.")
    return what, drawn


def _seeds(fields: Fields) -> tuple[int, ...]:
    seeds = tuple(fields.integers("seeds", SEEDS_NEEDED, [0]))
    if min(seeds) < 0 or max(seeds) >= SEEDS or len(set(seeds)) < len(seeds):
        raise fields.wrong("seeds", list(seeds), f"{SEEDS_NEEDED}, each once")
    return seeds


def _check_own(file: Path, voices: str, shown: tuple[Path, ...]) -> None:
    """Raises InputError where the portraits or clips have no voices."""
    silent = next((path for path in shown if path.suffix.lower() not in VIDEOS), None)
    if silent is not None or not shown:
        found = "drawn faces have no voices" if silent is None else f"{silent} is no video"
        raise InputError(f"{file}: voices is {voices}, and {found}. Name sound files.")


def _pieces(fields: Fields) -> float | None:
    pieces = fields.take("voice_pieces", PIECES_NEEDED, (int, float), None)
    if pieces is not None and not LEAST_SECONDS <= pieces < math.inf:
        raise fields.wrong("voice_pieces", pieces, PIECES_NEEDED)
    return pieces


def _prompts(fields: Fields, base: Path) -> Any:
    texts = fields.texts("prompts", "texts (in quotes), or a .txt file with one in each line, or own")
    if texts == [OWN]:
        return OWN
    found = [_lines(fields, text, base) if text.lower().endswith(".txt") else (text,) for text in texts]
    return tuple(prompt for lines in found for prompt in lines) or ("",)


def _lines(fields: Fields, name: str, base: Path) -> tuple[str, ...]:
    path = located(name, base)
    if not path.is_file():
        raise InputError(
            f"{fields.path}: prompts names {path}, which does not exist. Write one prompt in each of its lines."
        )
    lines = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not lines:
        raise InputError(f"{fields.path}: {path} is empty. Write one prompt in each of its lines.")
    return lines


def _combine(fields: Fields) -> Combine:
    needed = "zip, product, or {sample: N, seed: S}"
    given = fields.take("combine", needed, (str, dict), "zip")
    if given in ("zip", "product"):
        return Combine(given)
    if not isinstance(given, dict):
        raise fields.wrong("combine", given, needed)
    section = Fields(fields.path, given, "combine")
    count, seed = (
        section.take("sample", "a number of combinations", int, 0),
        section.take("seed", "an integer", int, 0),
    )
    section.end()
    if count < 1:
        raise fields.wrong("combine", given, needed)
    return Combine("sample", count, seed)
