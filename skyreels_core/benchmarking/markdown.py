"""The page as Markdown: tables, failures, what is left out."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation.metrics.metric import Figure
from ..evaluation.metrics.summary import Summary
from .report import Page
from .table import BETTER, UNCLEAR, Row, best_of, reasons, verdict
from .words import between, number, options_of, titled

MARKS = {BETTER: " (better)", UNCLEAR: ""}


def markdown(page: Page) -> str:
    parts = [
        f"# {plain(page.benchmark.title)}",
        tagless(page.benchmark.about.strip()),
        "\n".join(f"- {fact}" for fact in page.facts),
        results(page),
        page.note,
        settings(page.rows),
    ]
    if page.failed:
        lines = reasons(f"{one.cell.setting.name}: {one.record.problem}" for one in page.failed)
        parts += ["## Failed cells", "\n".join(f"- {plain(line)}" for line in lines)]
    if page.lines:
        parts += ["## Left out", "\n".join(f"- {plain(line)}" for line in page.lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


def results(page: Page) -> str:
    """Settings as rows; beside each figure its difference from the baseline."""
    if not page.columns:
        return "Nothing could be measured."
    heads = [head for figure in page.columns for head in (titled(figure), *(["Δ"] if page.baseline else []))]
    rows = [_line(["setting", *heads]), "|---" * (len(heads) + 1) + "|"]
    for row in page.rows:
        cells = [cell for figure in page.columns for cell in _cells(page, row, figure)]
        rows.append(_line([row.setting.name, *cells]))
    return "\n".join(rows)


def settings(rows: Sequence[Row]) -> str:
    lines = [
        _line(["setting", "options", "cells", "failed", "forward passes", "seconds a cell"]),
        "|---" * 6 + "|",
    ]
    for row in rows:
        forwards, seconds = (
            None if value is None else number(value) for value in (row.forwards, row.seconds)
        )
        counts = [str(len(row.cells)), str(len(row.failed)), forwards or "", seconds or ""]
        lines.append(_line([row.setting.name, options_of(row.setting), *counts]))
    return "\n".join(lines)


def _cells(page: Page, row: Row, figure: Figure) -> list[str]:
    found, change = row.summaries.get(figure.name), row.differences.get(figure.name)
    value = "" if found is None else _with_interval(found)
    if found is not None and found.value == best_of(figure, page.rows):
        value = f"**{number(found.value)}**{value.removeprefix(number(found.value))}"
    if not page.baseline:
        return [value]
    mark = "" if change is None else MARKS.get(verdict(figure, change), " (worse)")
    return [value, "" if change is None else f"{_with_interval(change, signed=True)}{mark}"]


def _with_interval(found: Summary, signed: bool = False) -> str:
    interval = between(found, signed)
    return f"{number(found.value, signed)} [{interval}]" if interval else number(found.value, signed)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(plain(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def plain(text: str) -> str:
    """In one line."""
    return " ".join(tagless(text).split())


def tagless(text: str) -> str:
    """As it is read: Markdown would take what it names for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
