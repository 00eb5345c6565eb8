"""Rows of docs/results.md about the metrics themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .record import Record
from .row import Row

LARGEST_P = 0.01


def lips(r: Record) -> Iterator[Row]:
    values = ", ".join(f"{value:.2f}" for value in r["r"])
    text = (
        f"p = {r['p_shifted']:.4f} against shifted voices, {r['p_with_other_voices']:.4f} with those of the others; "
        f"r {values}, chance {r['chance']:.2f}"
    )
    claim = f"lip gap follows the voice in {r['clips']} real clips of 3 s: pooled p"
    yield Row(claim, "p < 0.01", text, r["p_with_other_voices"] < LARGEST_P)


def notices(r: Record) -> Iterator[Row]:
    for fault, figures in r["noticed"].items():
        found = [name for name, noticed in figures.items() if noticed]
        expected = r["expected"].get(fault, ())
        reached = set(expected) <= set(found) if expected else not found
        claim = f"planted in {r['clips']} drawn clips: {fault}; figures that are worse in every clip"
        yield Row(claim, ", ".join(expected) or "none", ", ".join(found) or "none", reached)
