"""What ten minutes of video take on many GPUs, estimated from one measured forward and the bytes that travel.

Nothing here was measured on several GPUs: `python -m benchmarks parallel --devices 0,1` measures two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from skyreels_core.parallel.cost import ASSUMED, WAN_14B, Estimate, Link, estimate, traffic
from skyreels_core.timeline import Timeline
from skyreels_core.windows import WindowPlan

from .record import DOCS, Record

PAGE = DOCS / "parallel.md"
START, END = "<!-- scaling -->\n", "<!-- /scaling -->"
SECONDS, FPS = 600.0, 25.0  # of video
WINDOW, OVERLAP = 21, 5  # latent frames
FORWARD = 3.33  # s, measured: 14B with audio layers, one branch of 832x480 and 81 frames, H200, bf16
DEVICES, BRANCHES, GROUP = (1, 2, 4, 8, 16, 32, 64), (1, 2, 3), 8
TARGET = 0.95
PAPER = 23.62 / 8 / 4.29  # of arXiv 2506.00830, Table 4: one A800 against eight


def run(record: Record, forward: float = FORWARD, link: Link = ASSUMED) -> None:
    windows = len(WindowPlan.plan(Timeline.from_seconds(SECONDS, FPS).latent_frames, WINDOW, OVERLAP).windows)
    found = {
        branches: {
            count: [estimate(windows * branches, count, group, forward, link) for group in (1, GROUP)]
            for count in DEVICES
        }
        for branches in BRANCHES
    }
    record |= {"windows": windows, "forward_seconds": forward, "link": asdict(link), "paper_of_8": PAPER}
    record["whole"], record["split"] = (
        {b: {n: each[way].efficiency for n, each in row.items()} for b, row in found.items()}
        for way in (0, 1)
    )
    for count in (8, 64):
        record[f"least_of_{count}"] = min(row[count][1].efficiency for row in found.values())
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    text = before + START + "".join(lines(windows, found, forward, link)) + END + rest.split(END)[1]
    PAGE.write_text(text, encoding="utf-8")


def lines(
    windows: int, found: dict[int, dict[int, list[Estimate]]], forward: float, link: Link
) -> Iterator[str]:
    yield (
        f"Ten minutes at 25 fps are {windows} windows of 81 frames. A forward pass of a 14B model takes {forward:g} s "
        f"(measured on one H200);\n{link.within / 1e9:g} GB/s between the GPUs of one machine and "
        f"{link.between / 1e9:g} GB/s to the process that deals are assumed. Of the devices' time is used:\n\n"
    )
    yield "| branches | GPUs | whole units | the rest split among up to 8 | time of a step |\n|---|---|---|---|---|\n"
    for branches, row in found.items():
        for count, (whole, split) in row.items():
            yield (
                f"| {branches} | {count} | {whole.efficiency:.3f} | {split.efficiency:.3f} | {split.seconds:.1f} s |\n"
            )
    yield "\nBytes that all GPUs of a group send for one forward pass of 14B in bf16:\n\n"
    yield "| GPUs of a group | Ulysses | ring |\n|---|---|---|\n"
    for ranks in (2, 4, 8):
        ways = (traffic(WAN_14B, ranks), traffic(WAN_14B, ranks, ranks))
        yield f"| {ranks} | {' | '.join(f'{sent / 1e9:.1f} GB' for sent in ways)} |\n"
