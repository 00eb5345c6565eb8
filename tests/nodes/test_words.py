"""What a user reads is in the field's words: sentences of the code, texts of the nodes, help pages, documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import PAGES as DOCUMENTS
from locale_files import LOCALES
from sources import CORE, NODES, PACK, modules, text, tree

INSTEAD = {
    r"reckon\w*": "estimate",
    r"(made|make|makes|making) anew": "regenerate",
    r"in (the|its|their) place( of)?": "instead of",
    r"hears?|heard": "is conditioned on, encodes, is processed as",
    r"is told|are told": "prompt",
    r"what is (not )?seen": "prompt, negative prompt",
    r"what to turn": "tuning",
    r"go(es)? on (with|where|there)|nothing to go on|going on": "resume",
    r"a run that was cut|cut short": "an interrupted run; truncated",
    r"(is|are) another": "has changed",
    r"the way out": "how to fix it",
    r"lets an? \w+ (speak|hear)": "animates, adds audio conditioning to",
    r"takes? back|taken back": "removes",
    r"how like itself": "visual consistency over time",
    r"make room": "free space",
    r"work folder": "run state",
    r"fetch(es|ed|ing)?": "download",
}
OURS = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
# of the templates' nodes, by which tables of jobs address them
TITLE = re.compile(r'"title": "What is (not )?seen"')


def said(path: Path) -> Iterator[str]:
    """The strings of a module that are more than a name, without its docstrings."""
    module = tree(path)
    silent = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if id(node) not in silent and " " in (found := text(node) or "").strip():
            yield found


def written() -> Iterator[tuple[str, str]]:
    """Each text that reaches a user, and the file that it is in."""
    for folder in (CORE, NODES):
        yield from ((place(path), sentence) for path in modules(folder) for sentence in said(path))
    help_pages, templates = (NODES / "web" / "docs").rglob("*.md"), (PACK / "workflows").rglob("*.json")
    for path in (
        *DOCUMENTS,
        *sorted(help_pages),
        *sorted((LOCALES / "en").glob("*.json")),
        *sorted(templates),
    ):
        yield from ((place(path), line) for line in path.read_text(encoding="utf-8").splitlines())


def place(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


def test_what_a_user_reads_is_in_the_fields_words():
    found = [f"{where}: {sentence}" for where, sentence in written() if OURS.search(TITLE.sub("", sentence))]
    assert found == []


@pytest.mark.parametrize(
    "sentence",
    [
        "The memory is reckoned first.",
        "White is made anew.",
        "Pauses are heard as silence.",
        "The seed is another.",
    ],
)
def test_a_word_of_ours_is_found_in_a_sentence(sentence):
    assert OURS.search(sentence)
