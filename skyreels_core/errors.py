from __future__ import annotations


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one or two sentences for that user: what was given, what is needed, what to do.
    The command line prints it and exits with code 2.
    """
