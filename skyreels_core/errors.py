from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one or two sentences for that user: what was given, what is needed, what to do.
    The command line prints it and exits with code 2.
    """


# ComfyUI shows where an error is defined: its public place is shorter
InputError.__module__ = "skyreels_core"


class Cancelled(Exception):
    """The user asked the run to stop, and it did."""


@contextmanager
def naming(path: Path | str | None) -> Iterator[None]:
    """Errors about what is in a file begin with its name, where they do not say it."""
    try:
        yield
    except InputError as error:
        if path is None or str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error


# What to do about what the system refuses.
REMEDIES = {
    errno.ENOSPC: "Free space on that disk, or choose a folder on another disk.",
    errno.EDQUOT: "Free space in your quota, or choose a folder on another disk.",
    errno.EFBIG: "The system or its disk allows no larger file: choose a folder on another disk.",
    errno.EACCES: "Choose a folder and files that this account may use.",
    errno.EPERM: "Choose a folder and files that this account may use.",
    errno.EROFS: "Choose a folder that can be written to.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Close other files and programs, or allow more open files (ulimit -n).",
    errno.EIO: "The disk or its connection fails: choose a folder on another disk.",
}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # names from damaged files could steer the terminal
CHECK_PATH = "Check the path and its disk, then give the command again."


def first_words(error: Exception) -> str:
    """The first line of what a library says, for the brackets of a sentence."""
    line = next(iter(CONTROL.sub("\n", str(error)).split("\n")), "").strip() or type(error).__name__
    return line.rstrip(".")[:200]


def sentence(error: Exception) -> str:
    """What the user has to know of an error, and what to do, in one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror}. {REMEDIES.get(error.errno or 0, CHECK_PATH)}"
    else:
        text = str(error)
    shown = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate could not be printed
    return " ".join(CONTROL.sub(" ", shown).split())
