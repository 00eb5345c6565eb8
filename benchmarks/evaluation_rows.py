"""Rows of docs/results.md about the metrics themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .record import Record
from .row import Row

LARGEST_P = 0.01
LEAST_FOUND = 0.95
MOST_MEMORY = 1.15  # times


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


def evaluate_memory(r: Record) -> Iterator[Row]:
    peak, clips = r["peak_gb"], r["clips"]
    ratio = peak["many"] / peak["few"]
    claim = f"`evaluate`: peak memory of {clips['many']} clips of {r['seconds_of_each']:g} s against {clips['few']}"
    text = f"{peak['many']:.2f} GB against {peak['few']:.2f} GB: {ratio:.2f} times"
    yield Row(claim, f"<= {MOST_MEMORY} times", text, ratio <= MOST_MEMORY)
    ratio = peak["long"] / peak["short"]
    long, short = r["seconds_of_the_long"], r["seconds_of_each"]
    claim = f"`evaluate`: peak memory of a clip of {long:g} s against one of {short:g} s"
    text = f"{peak['long']:.2f} GB against {peak['short']:.2f} GB: {ratio:.2f} times"
    yield Row(claim, f"<= {MOST_MEMORY} times", text, ratio <= MOST_MEMORY)
    again, same = r["measured_again"], r["same_report"]
    text = f"{again} of {r['killed_after']} measured again; report {'the same' if same else 'different'}"
    claim = "`evaluate` killed at about a half, and given again"
    yield Row(claim, "none measured again, same report", text, not again and same)


def funnel(r: Record) -> Iterator[Row]:
    yield from _found(r, "drawn")
    if r.get("real"):
        yield from _found(r["real"], "real")


def _found(r: Mapping[str, Any], of: str) -> Iterator[Row]:
    count = sum(row.get("clips", 0) for row in r["refused"].values())
    for stage, precision in r["precision"].items():
        recall = {fault: r["recall"][fault] for fault, by in r["stage_of"].items() if by == stage}
        claim = f"{count} {of} clips, stage `{stage}`: recall of {', '.join(recall)}; precision"
        text = f"{', '.join(f'{share:.0%}' for share in recall.values())}; {precision:.0%}"
        yield Row(claim, ">= 95 %", text, min(*recall.values(), precision) >= LEAST_FOUND)
    whole = r["refused"]["nothing"]
    yield Row(
        f"{count} {of} clips: those without a fault that are kept", "", f"{whole['kept']} of {whole['clips']}"
    )
