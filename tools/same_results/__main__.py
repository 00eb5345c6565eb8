"""The command of the guard: run the probes in both trees, print the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import commands, hosted, interrupted, jobs, nodes, parsing
from .both import Both
from .context import Probe
from .findings import Row
from .host import ComfyUI, from_environment
from .trees import Failed, Tree

NEW = Tree(Path(__file__).resolve().parents[2])
PROBES = {
    "options": Probe(
        "documented commands are parsed; every option, its default and choices", parsing.documented
    ),
    "commands": Probe("frames of animate and edit, numbers of their reports", commands.frames),
    "bundles": Probe("models with settings in their metadata: what inspect says, frames", commands.bundles),
    "killed": Probe("killed runs resumed, also those that the old tree began", interrupted.killed),
    "nodes": Probe("node ids, sockets, fields, their order and defaults", nodes.described, needs_host=True),
    "jobs": Probe("tables of the queue command, the graphs they become", jobs.resolved, needs_host=True),
    "latents": Probe("latents of every family in ComfyUI", hosted.latents, needs_host=True),
    "workflows": Probe("the bundled workflows: frames, nodes and values", hosted.workflows, needs_host=True),
    "cancelled": Probe("a run in ComfyUI that the old tree began goes on", hosted.cancelled, needs_host=True),
    "changed": Probe("latents that other nodes changed", hosted.changed_latents, needs_host=True),
}


def main() -> int:
    args = parse()
    if args.list:
        sys.stdout.writelines(f"{name:10} {probe.what}\n" for name, probe in PROBES.items())
        return 0
    if (args.host is None) != (args.host_python is None):
        sys.exit(
            "Give both, the folder of a ComfyUI (--host) and its interpreter (--host-python), or neither."
        )
    comfyui = ComfyUI(args.host.resolve(), args.host_python) if args.host else from_environment()
    chosen = [name for name in PROBES if name in (args.only or PROBES)]
    if left_out := [name for name in chosen if PROBES[name].needs_host and comfyui is None]:
        sys.stdout.write(f"Without --host these probes are left out: {', '.join(left_out)}.\n")
    with Both(Tree(args.old.resolve()), NEW, args.cache.resolve(), comfyui) as both:
        passed = [check(both, name, args.all_rows) for name in chosen if name not in left_out]
    sys.stdout.write("The results are the same.\n" if all(passed) else "The results are NOT the same.\n")
    return 0 if all(passed) else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tools.same_results", description="Do two trees compute the same?"
    )
    parser.add_argument("old", metavar="OLD_TREE", type=Path, nargs="?", help="folder of the version before")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=PROBES, help="these probes")
    parser.add_argument("--host", metavar="PATH", type=Path, help="folder of a ComfyUI")
    parser.add_argument("--host-python", metavar="PATH", help="its interpreter")
    parser.add_argument("--cache", metavar="FOLDER", type=Path, help="for results of the old tree",
                        default=Path(tempfile.gettempdir()) / "skyreels-same-results")  # fmt: skip
    parser.add_argument("--all-rows", action="store_true", help="print equal results too")
    parser.add_argument("--list", action="store_true", help="say what the probes compare")
    args = parser.parse_args()
    if args.old is None and not args.list:
        parser.error("give the folder of the version before")
    return args


def check(both: Both, name: str, all_rows: bool) -> bool:
    started = time.monotonic()
    try:
        rows = both.rows(name, PROBES[name])
    except (Failed, OSError) as error:
        sys.stdout.write(f"\n{name}: FAILED. {error}\n")
        return False
    show(name, rows, all_rows, time.monotonic() - started)
    return all(row.passes for row in rows)


def show(name: str, rows: Sequence[Row], all_rows: bool, seconds: float) -> None:
    equal = sum(row.verdict == "equal" for row in rows)
    sys.stdout.write(f"\n{name}: {equal} of {len(rows)} results are equal ({seconds:.0f} s).\n")
    shown = [row for row in rows if all_rows or row.verdict != "equal" or row.measured]
    table = [(row.verdict, row.name, row.shape, row.difference) for row in shown]
    widths = [max((len(line[column]) for line in table), default=0) for column in range(3)]
    for *cells, difference in table:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write(f"  {'  '.join(padded)}  {difference}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
