"""What the documents of the repository say: their texts, tables, links, and the commands that a reader would copy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from sources import PACK

README, CONTRIBUTING = PACK / "README.md", PACK / "CONTRIBUTING.md"
PAGES = [README, CONTRIBUTING, PACK / "CHANGELOG.md", *sorted((PACK / "docs").glob("*.md"))]
PROGRAMS = (
    "skyreels-audio",
    "python",
    "pip",
    "git",
    "comfy",
    "cd",
    ".",
    "ruff",
    "basedpyright",
    "playwright",
    "apt-get",
)
SCRIPT = re.compile(r"\.ci/\w+")
FENCE = re.compile(r"^( *)```bash\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path) -> list[list[str]]:
    """The words of each command, without the environment before it: of the blocks, and of the prose where a span
    begins with a program and says what it should do."""
    text = text_of(page)
    lines = [line.strip() for _, block in FENCE.findall(text) for line in block.splitlines() if line.strip()]
    spans = [span for span in SPAN.findall(FENCE.sub("", text)) if is_command(span)]
    parts = (part for line in [*lines, *spans] for part in line.split("&&"))
    return [without_environment(shlex.split(part)) for part in parts]


def is_command(span: str) -> bool:
    program, _, rest = span.partition(" ")
    return bool(rest) and (program in PROGRAMS or SCRIPT.fullmatch(program) is not None)


def without_environment(words: list[str]) -> list[str]:
    return words[next(index for index, word in enumerate(words) if not ASSIGNMENT.fullmatch(word)) :]


def options(page: Path) -> list[list[str]]:
    """The words of each span that begins with an option."""
    return [shlex.split(span) for span in SPAN.findall(text_of(page)) if span.startswith("--")]


def first_cells(page: Path, header: str) -> list[str]:
    """The first column of the table whose header begins with `header`."""
    return [row[0] for row in rows(page, header)]


def rows(page: Path, header: str) -> Iterator[list[str]]:
    """The cells of each row of the table whose header begins with `header`."""
    _, table = text_of(page).split(f"\n| {header} |", 1)
    for line in table.split("\n\n")[0].splitlines()[2:]:
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def links(page: Path) -> list[str]:
    """The targets of its links and pictures, without the place within a page."""
    return re.findall(r"\]\(([^)#\s]+)", text_of(page))
