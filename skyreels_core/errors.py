from __future__ import annotations


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one or two sentences for that user: what was given, what is needed, what to do.
    The command line prints it and exits with code 2.
    """


def sentence(error: Exception) -> str:
    """What the user has to know of an error, in one line."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}."
    return " ".join(str(error).split())
