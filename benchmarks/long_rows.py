"""Rows about runs of any length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .record import Record
from .row import Row


def memory(r: Record) -> Iterator[Row]:
    for task, bar in (("animate", 1.15), ("edit", None)):
        ratio, runs = r[f"{task}_ratio"], r[task]
        text = f"{runs[1]['peak_gb']:.2f} GB against {runs[0]['peak_gb']:.2f} GB: {ratio:.2f} times"
        lengths = " s against ".join(f"{one['voice_seconds']:g}" for one in reversed(runs))
        claim = f"peak memory of `{task}`, {lengths} s"
        yield Row(claim, f"<= {bar} times" if bar else "", text, ratio <= bar if bar else None)


def linear(r: Record) -> Iterator[Row]:
    off, rates = r["largest_departure"], r["rates"]
    lengths = " / ".join(f"{seconds:g}" for seconds in r["voice_seconds"])
    took = " / ".join(f"{seconds:.0f}" for seconds in r["seconds"])
    line = f"{r['seconds_to_start']:.1f} s + {r['seconds_per_second']:.2f} s per second"
    text = (
        f"{took} s; {line}, at most {100 * off:.1f} % off; {rates[0]:.2f}, then {rates[1]:.2f} s per second"
    )
    claim = f"`animate` over {lengths} s: how far from a straight line, and how steep its two parts are"
    yield Row(claim, "within 10 %", text, off <= 0.1)


def ten_minutes(r: Record) -> Iterator[Row]:
    run, frames = f"{r['minutes']:g} minutes in one run", round(60 * r["minutes"] * r["fps"])
    apart = r["audio_seconds"] - r["video_seconds"]
    text = f"{r['frames']} frames; sound {1000 * apart:+.0f} ms; {r['seconds'] / 60:.0f} min"
    exact = r["frames"] == frames and abs(apart) < 1 / r["fps"]
    yield Row(f"{run}: frames; sound against video", f"{frames}; within a frame", text, exact)
    yield Row(f"{run}: peak memory", "<= 3 GB", f"{r['peak_gb']:.2f} GB", r["peak_gb"] <= 3)
    first, *between, last = r["r_of_each_minute"]
    text = f"{first:.3f}, {last:.3f}" + (
        f" ({min(between):.3f} to {max(between):.3f} between)" if between else ""
    )
    yield Row(
        f"{run}: lip sync r of the first and the last minute", "within 0.03", text, abs(last - first) <= 0.03
    )
    yield from one_take(r, run)


def one_take(r: Record, run: str) -> Iterator[Row]:
    between = f"midway between joins {r['between_95']:.2f} / {r['between_largest']:.2f}"
    text = f"{r['seam_95']:.2f} / {r['seam_largest']:.2f} at {r['joins']} joins; {between}"
    claim = f"{run}: change at a join in usual changes, 95th percentile / largest"
    yield Row(claim, "<= 1.5", text, r["seam_largest"] <= 1.5)
    slope, change = (
        ", ".join(f"{value:+.2f}" for value in r[f"colour_{what}"]) for what in ("slope", "change")
    )
    yield Row(f"{run}: colours (L, a, b), per minute / last second - first", "", f"{slope} / {change}")
    text = f"{r['identity_first']:.3f}, {r['identity_last']:.3f} (least {r['identity_least']:.3f})"
    yield Row(f"{run}: likeness to the portrait (1 is the same), first and last minute", "", text)


def kill(r: Record) -> Iterator[Row]:
    runs, stages = r["runs"], Counter(r["stages"])
    where = ", ".join(f"{count} in {stage}" for stage, count in stages.items())
    left = sorted({name for one in runs for name in one["left_at_the_end"]})
    ways = ", ".join(sorted({one["way"] for one in runs}))
    named = sum("hello.mp4" in kill["beside"] for one in runs for kill in one["kills"])
    kills = f"{sum(stages.values())} kills, {where}, {named or 'none'} with a file under the video's name"
    text = f"{r['same']} of {len(runs)} ({kills}); left at the end: {', '.join(left) or 'nothing'}"
    claim = (
        f"{r['voice_seconds']:g} s ({r['steps']} steps, {r['side']}x{r['side']}; {ways}) killed at random moments and "
        "resumed: the same file, the same frames"
    )
    yield Row(claim, "bit for bit; nothing left", text, r["same"] == len(runs) and not (left or named))


def cancel(r: Record) -> Iterator[Row]:
    stopped, exited = (r[f"until_{what}_seconds"] for what in ("stopped", "exit"))
    same = "the same file" if r["same_file"] else "a different file"
    forward = f"a forward: {1000 * r['forward_seconds']:.0f} ms"
    text = (
        f"at most {1000 * max(stopped):.0f} ms of {len(stopped)} times ({forward}), process gone after "
        f"{max(exited):.1f} s; resumed: {same}"
    )
    reached = max(stopped) <= r["forward_seconds"] and r["same_file"]
    yield Row("Ctrl-C while sampling: until it has stopped", "one forward; then resumable", text, reached)
