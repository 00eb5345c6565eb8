"""The page as HTML: one file that shows the videos beside it, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template
from urllib.parse import quote

from ..evaluation.metrics.metric import Figure
from .charts import chart
from .folder import CELLS
from .report import Page
from .stills import Stills
from .table import CellResult, Row, best_of, reasons, verdict
from .words import between, name_of, number, options_of, titled

FOLDER = Path(__file__).parent / "page"
MOST_ROWS = 200  # of the grid of videos
FIGURES_SHOWN = 4  # below each video


def html(page: Page, stills: Stills) -> str:
    template = Template(_file("page.html"))
    return template.substitute(
        title=escape(page.benchmark.title),
        style=_file("page.css"),
        script=_file("page.js"),
        about="".join(
            f"<p>{escape(part.strip())}</p>" for part in page.benchmark.about.split("\n\n") if part.strip()
        ),
        facts=_items(page.facts),
        results=_results(page),
        note=escape(page.note),
        charts=_charts(page),
        videos=_videos(page, stills),
        problems=_problems(page),
        settings="".join(map(_setting, page.rows)),
    )


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _results(page: Page) -> str:
    if not page.columns:
        return "<p>Nothing could be measured.</p>"
    heads = "".join(
        f'<th scope="col" title="{escape(figure.unit)}">{escape(titled(figure))}</th>'
        for figure in page.columns
    )
    rows = "".join(_result(page, row) for row in page.rows)
    return (
        f'<div class="scroll"><table class="results"><thead><tr><th scope="col">setting</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _result(page: Page, row: Row) -> str:
    base = row.setting.name == page.baseline
    tag = ' <span class="tag">baseline</span>' if base else ""
    cells = "".join(f"<td>{_value(page, row, figure)}</td>" for figure in page.columns)
    kind = ' class="baseline"' if base else ""
    return f'<tr{kind}><th scope="row">{escape(row.setting.name)}{tag}</th>{cells}</tr>'


def _value(page: Page, row: Row, figure: Figure) -> str:
    found, change = row.summaries.get(figure.name), row.differences.get(figure.name)
    if found is None:
        return '<span class="none">–</span>'
    best = " best" if found.value == best_of(figure, page.rows) else ""
    text = f'<span class="value{best}">{number(found.value)}</span>'
    if interval := between(found):
        text += f'<span class="interval">{interval}</span>'
    if change is None:
        return text
    interval = between(change, signed=True)
    title = f' title="{interval}"' if interval else ""
    shown = f' <span class="interval">{interval}</span>' if interval else ""
    kind, value = verdict(figure, change), number(change.value, signed=True)
    return f'{text}<span class="change {kind}"{title}>Δ {value}{shown}</span>'


def _charts(page: Page) -> str:
    """Only where there are rows to compare."""
    return "".join(chart(figure, page.rows) for figure in page.columns) if len(page.rows) > 1 else ""


def _videos(page: Page, stills: Stills) -> str:
    """A line for each combination and seed, a column for each setting."""
    lines = list(_lines(page))
    shown = "".join(_video_line(page, line, stills) for line in lines[:MOST_ROWS])
    heads = "".join(f'<div class="head">{escape(row.setting.name)}</div>' for row in page.rows)
    more = (
        f"<p>The first {MOST_ROWS} of {len(lines)} lines; the others are in benchmark.json.</p>"
        if len(lines) > MOST_ROWS
        else ""
    )
    return (
        f'<div class="scroll grid-box"><div class="grid" style="--columns:{len(page.rows)}">'
        f'<div class="head corner"></div>{heads}{shown}</div></div>{more}'
    )


def _lines(page: Page) -> Iterator[list[CellResult]]:
    """Cells of the same inputs and seed, side by side."""
    cells = [one for row in page.rows for one in row.cells]

    def place(one: CellResult) -> tuple[int, int]:
        return one.cell.inputs.number, page.benchmark.inputs.seeds.index(one.cell.seed)

    for _, line in groupby(sorted(cells, key=place), key=place):
        yield list(line)


def _video_line(page: Page, line: list[CellResult], stills: Stills) -> str:
    cell = line[0].cell
    still = stills.of_input(cell)
    picture = f'<img loading="lazy" src="{quote(still)}" alt="">' if still else ""
    seed = f"<small>seed {cell.seed}</small>" if len(page.benchmark.inputs.seeds) > 1 else ""
    prompt = f"<small>{escape(cell.inputs.prompt)}</small>" if cell.inputs.prompt else ""
    side = (
        f'<div class="side">{picture}<b>{escape(cell.inputs.label)}</b>{seed}{prompt}'
        '<button type="button" class="together">play together</button></div>'
    )
    by_setting = {one.cell.setting.name: one for one in line}
    videos = "".join(_video(page, by_setting.get(row.setting.name), stills) for row in page.rows)
    return f'<div class="line">{side}{videos}</div>'


def _video(page: Page, one: CellResult | None, stills: Stills) -> str:
    if one is None:
        return '<div class="cell"></div>'
    if one.record.video is None:
        return f'<div class="cell failed"><p>{escape(one.record.problem)}</p></div>'
    still = stills.of_video(one.record)
    poster = f' data-poster="{quote(still)}"' if still else ""
    figures = [(figure, one.figures[figure.name]) for figure in page.columns if figure.name in one.figures]
    shown = "".join(
        f"<span>{escape(name_of(figure))} <b>{number(value)}</b></span>"
        for figure, value in figures[:FIGURES_SHOWN]
    )
    source = quote(f"{CELLS}/{one.record.video}")
    return (
        f'<div class="cell"><video controls playsinline preload="none"{poster} src="{source}" '
        f'title="{escape(one.cell.label)}"></video><div class="figures">{shown}</div></div>'
    )


def _problems(page: Page) -> str:
    failed = reasons(f"{one.cell.setting.name}: {one.record.problem}" for one in page.failed)
    parts = [("Failed cells", failed), ("Left out", page.lines)]
    return "".join(
        f"<section><h2>{title}</h2><ul>{_items(lines)}</ul></section>" for title, lines in parts if lines
    )


def _setting(row: Row) -> str:
    forwards, seconds = ("" if value is None else number(value) for value in (row.forwards, row.seconds))
    cells = (options_of(row.setting), str(len(row.cells)), str(len(row.failed)), forwards, seconds)
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(row.setting.name)}</th>{shown}</tr>'
