"""Each figure as dots with their intervals, one line for each setting."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..evaluation.metrics.metric import Figure
from ..evaluation.metrics.summary import Summary
from .table import Row
from .words import number, titled

SPARE = 0.06  # of the range, beyond its ends


def chart(figure: Figure, rows: Sequence[Row]) -> str:
    """Lines of a name and a track; empty where nothing was measured."""
    found = [(row.setting.name, row.summaries[figure.name]) for row in rows if figure.name in row.summaries]
    edges = [edge for _, one in found for edge in (one.value, one.low, one.high) if edge is not None]
    if not edges:
        return ""
    low, high = min(edges), max(edges)
    spare = SPARE * (high - low) or abs(high) * SPARE or SPARE
    ends = low - spare, high + spare
    lines = "".join(_line(name, one, *ends) for name, one in found)
    scale = f"<span>{number(ends[0])}</span><span>{number(ends[1])}</span>"
    return (
        f'<figure><figcaption>{escape(titled(figure))}</figcaption><div class="chart">{lines}'
        f'<span></span><div class="scale">{scale}</div></div></figure>'
    )


def _line(name: str, one: Summary, low: float, high: float) -> str:
    bar = ""
    if one.low is not None and one.high is not None:
        left, right = place(one.low, low, high), place(one.high, low, high)
        bar = f'<i class="bar" style="left:{left}%;width:{right - left:.1f}%"></i>'
    dot = f'<i class="dot" style="left:{place(one.value, low, high)}%"></i>'
    shown = escape(name)
    return (
        f'<span title="{shown}">{shown}</span><div class="track" title="{number(one.value)}">{bar}{dot}</div>'
    )


def place(value: float, low: float, high: float) -> float:
    """Per cent of the way."""
    return round(100 * (value - low) / (high - low), 1)
