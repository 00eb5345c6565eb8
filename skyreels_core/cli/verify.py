"""Run the fixed jobs of the families on a ComfyUI server that has their weights, and pack the evidence."""

from __future__ import annotations

import logging
import tempfile
from argparse import Namespace
from pathlib import Path

from ..errors import InputError
from ..queueing.client import Client, Refused, Unreachable
from ..verification.evidence import Order, pack, run
from ..verification.tasks import tasks
from .queue import FAILED, ProgressBars, greet

logger = logging.getLogger(__name__)


def verify(args: Namespace) -> int:
    """Exit code: 0 if at least one job was completed."""
    chosen = tasks(args.family)
    check_output(args.output)
    server = Client(args.server)
    try:
        greet(server)
        with tempfile.TemporaryDirectory() as folder, OnlyBars() as bars:
            report = run(server, Order(chosen, args.set, Path(folder), args.wait), bars)
            pack(report, Path(folder), args.output)
    except Unreachable as error:
        raise InputError(
            f"No ComfyUI answers at {server.url} ({error}). Start it, or give its address with --server."
        ) from error
    except Refused as error:
        raise InputError(f"{server.url} rejects requests: {error}.") from error
    print(args.output)
    done = [job for job in report["jobs"] if "video" in job]
    for job in report["jobs"]:
        logger.info(line(job))
    return 0 if done else FAILED


class OnlyBars(ProgressBars):
    """Without the names of files that are packed and then deleted."""

    def show(self, files: list[Path]) -> None:
        pass


def check_output(file: Path) -> None:
    """Raises InputError before an hour of work where the file cannot be written."""
    if file.suffix.lower() != ".zip":
        raise InputError(f"{file} is no name of a zip file; give one that ends in .zip.")
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise InputError(f"{file} cannot be written: its folder does not exist, or it is a folder itself.")


def line(job: dict) -> str:
    name = f"{job['family']} {job['task']}"
    if "video" not in job:
        needs = ", ".join(f"{file} (models/{folder})" for file, folder in job["needs"].items())
        return f"{name}: not done. It takes {needs or 'no weights'}; --set names files of other names."
    if "measures" not in job:
        return f"{name}: {job['seconds']:.0f} s. {job['problems'][0]}"
    gap, outside = job["measures"]["lip_gap"], job["measures"].get("outside")
    beside = f", outside the mask {outside['psnr']:.1f} dB" if outside else ""
    taken = f"{job['seconds']:.0f} s, {job['memory'] / 2**30:.1f} GiB"
    return f"{name}: {taken}, r of lips and voice {gap['r']:.2f}{beside}."
