"""Options that had another name: scripts that use the old one keep working."""

from __future__ import annotations

import logging
from collections.abc import Sequence

logger = logging.getLogger(__name__)

RENAMED = {"--text": "--prompt", "--negative-text": "--negative-prompt"}


def current_names(given: Sequence[str]) -> list[str]:
    """The words of a command line with today's option names; one line of the log names the old ones."""
    old = [word.partition("=")[0] for word in given if word.partition("=")[0] in RENAMED]
    if old:
        names = " and ".join(f"{name} is now {RENAMED[name]}" for name in dict.fromkeys(old))
        logger.warning("%s; the old name still works, but will be removed.", names)
    return [current_name(word) for word in given]


def current_name(word: str) -> str:
    name, equals, value = word.partition("=")
    return f"{RENAMED.get(name, name)}{equals}{value}"
