"""Lists of files, as a specification names them: files, folders and patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from .. import assets
from ..api.evaluation import SOUNDS, VIDEOS
from ..errors import InputError
from ..pipeline.region import PICTURES

ASSET = "asset:"  # begins the name of a bundled file
SHOWN = (*PICTURES, *VIDEOS)
KINDS = {"portraits": SHOWN, "clips": VIDEOS, "voices": SOUNDS, "references": VIDEOS}
PATTERN = "*?["


def files_of(
    spec: Path, field: str, names: Sequence[str], base: Path, endings: Sequence[str] = ()
) -> list[Path]:
    """In the order of the names, those of a folder or a pattern by name. endings: of these alone; none: all that the
    field can use. Raises InputError where there are none."""
    wanted = endings or KINDS[field]
    return [file for name in names for file in _found(spec, field, name, base, wanted)]


def _found(spec: Path, field: str, name: str, base: Path, wanted: Sequence[str]) -> list[Path]:
    if not name.strip():
        raise InputError(f"{spec}: {field} holds an empty name. Give a file, a folder or a pattern.")
    path = located(name, base)
    if any(letter in name for letter in PATTERN) and not path.exists():
        files = of_kind(path.parent.glob(path.name), wanted)
        where = f"the pattern {path} matches"
    elif path.is_dir():
        files, where = of_kind(path.iterdir(), wanted), f"the folder {path} holds"
    elif path.is_file():
        return [path]
    else:
        raise InputError(
            f"{spec}: {field} names {path}, which does not exist. Make that folder and put the {field} into it, or "
            "give another file, folder or pattern."
        )
    if not files:
        raise InputError(f"{spec}: {where} no {field} ({', '.join(wanted[:4])} ...). Put them there.")
    return files


def located(name: str, base: Path) -> Path:
    """Relative to `base`; `asset:NAME` is a file of the package."""
    if name.startswith(ASSET):
        return Path(assets.__file__).parent / name.removeprefix(ASSET)
    return Path(os.path.abspath(base / os.path.expanduser(name)))


def of_kind(paths: Iterable[Path], endings: Sequence[str]) -> list[Path]:
    """By name. Files whose names begin with a dot are the system's."""
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in endings and path.is_file() and not path.name.startswith(".")
    )


def read_text(file: Path) -> str:
    """Raises InputError for a file that is no text in UTF-8."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not in UTF-8; save it as UTF-8 again.") from error


def beside(file: Path, ending: str) -> Path | None:
    """The file of the same name with another ending, where there is one."""
    other = file.with_suffix(ending)
    return other if other.is_file() else None
