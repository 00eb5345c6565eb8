"""Queue a workflow on a ComfyUI server, once or for each row of a table, and download its results."""

from __future__ import annotations

import logging
import tempfile
from argparse import Namespace
from pathlib import Path

from tqdm import tqdm

from ..errors import InputError
from ..queueing.batch import Batch
from ..queueing.client import Client, Refused, Unreachable
from ..queueing.jobs import Job, JobFactory
from ..queueing.workflow import read_workflow

logger = logging.getLogger(__name__)

FAILED = 1  # exit code
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


def queue(args: Namespace) -> int:
    """Exit code: 0 if every job was completed."""
    server = Client(args.server)
    try:
        greet(server)
        workflow = read_workflow(args.workflow, server.node_info)
        jobs = JobFactory(workflow, server.size).jobs(args.workflow.stem, args.set, args.csv)
        check_folder(args.output)
        with ProgressBars() as bars:
            batch = Batch(server, jobs, args.output, args.wait, bars)
            batch.run()
    except Unreachable as error:
        raise InputError(
            f"No ComfyUI answers at {server.url} ({error}). Start it, or give its address with --server."
        ) from error
    except Refused as error:
        raise InputError(f"{server.url} rejects requests: {error}.") from error
    return summarise(jobs, batch.failed)


def greet(server: Client) -> None:
    try:
        logger.info("ComfyUI %s at %s.", server.version(), server.url)
    except (Refused, LookupError, TypeError) as error:
        raise InputError(f"{server.url} answers, but is not ComfyUI: {error}.") from error


def check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the outputs.")
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def summarise(jobs: list[Job], failed: list[Job]) -> int:
    if not failed:
        logger.info("%d of %d jobs are done.", len(jobs), len(jobs))
        return 0
    names = ", ".join(job.label for job in failed)
    logger.error("%d of %d jobs failed: %s.", len(failed), len(jobs), names)
    return FAILED


class ProgressBars:
    """A bar for each job, from its first step on; a `queueing.batch.Watcher`."""

    def __init__(self) -> None:
        self.bars: dict[int, tqdm] = {}

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self.bars.values():
            bar.close()

    def progress(self, job: Job, part: float, what: str) -> None:
        if id(job) not in self.bars:
            self.bars[id(job)] = tqdm(total=1.0, desc=job.label, bar_format=BAR)
        bar = self.bars[id(job)]
        bar.set_postfix_str(what, refresh=False)
        bar.update(part - bar.n)

    def ended(self, job: Job, files: list[Path], problems: list[str]) -> None:
        if bar := self.bars.pop(id(job), None):
            bar.set_postfix_str("failed" if problems else "", refresh=False)
            bar.update(0 if problems else 1 - bar.n)
            bar.close()
        self.show(files)
        for problem in problems:
            logger.error("%s failed. %s", job.label, problem)
        if not files and not problems:
            logger.warning("%s is done, but none of its nodes saved a file.", job.label)

    def show(self, files: list[Path]) -> None:
        for file in files:
            with tqdm.external_write_mode():
                print(file, flush=True)
