"""The run of the fixed jobs, and the one file that it leaves."""

from __future__ import annotations

import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from .. import __version__
from ..errors import InputError
from ..files import atomic
from ..queueing.batch import Batch, Watcher
from ..queueing.client import Client, Refused, Unreachable
from ..queueing.jobs import Job, JobFactory
from ..queueing.workflow import Workflow
from .measures import measure
from .server import MemoryWatch, digest, system, weights_of
from .tasks import Task

STEP = re.compile(r" [\d.]+/[\d.]+$")  # of a node that is in its work
logger = logging.getLogger(__name__)


@dataclass
class JobTracker:
    """What is seen of the jobs while they run; tells `shown` too. A `queueing.batch.Watcher`."""

    memory: MemoryWatch
    shown: Watcher
    began: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    bytes: dict[str, int] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    last: float = 0.0

    def progress(self, job: Job, part: float, what: str) -> None:
        now = time.monotonic()
        if job.label not in self.began:
            self.began[job.label], self.last = now, now
            self.memory.take()
        if what:
            self.nodes[job.label][STEP.sub("", what)] += now - self.last
        self.last = now
        self.shown.progress(job, part, what)

    def ended(self, job: Job, files: list[Path], problems: list[str]) -> None:
        self.seconds[job.label] = time.monotonic() - self.began.get(job.label, time.monotonic())
        self.bytes[job.label], self.files[job.label] = self.memory.take(), files
        self.problems[job.label] = problems
        self.shown.ended(job, files, problems)


@dataclass(frozen=True)
class Order:
    """tasks, in whose workflows `settings` (NODE.INPUT=VALUE) are put where they have that node; folder: for what is
    made; wait: seconds that the server may be away."""

    tasks: Sequence[Task]
    settings: Sequence[str]
    folder: Path
    wait: float


def run(server: Client, order: Order, shown: Watcher) -> dict[str, Any]:
    """Queue every task, measure what comes back; returns the report, ready for JSON."""
    workflows = [Workflow(task.prompt, cache(server.node_info)) for task in order.tasks]
    jobs = [
        job_of(task, workflow, order.settings, server)
        for task, workflow in zip(order.tasks, workflows, strict=True)
    ]
    about = system(server)
    with MemoryWatch(server.url) as memory:
        watch = JobTracker(memory, shown)
        batch = Batch(server, jobs, order.folder, order.wait, watch)
        numbers = {ticket.job.label: number for number, ticket in batch.open.items()}
        batch.run()
    entries = [
        entry(server, task, job, watch, numbers[job.label], order.folder)
        for task, job in zip(order.tasks, jobs, strict=True)
    ]
    return {"skyreels_audio": __version__, "server": about, "jobs": entries}


def job_of(task: Task, workflow: Workflow, settings: Sequence[str], server: Client) -> Job:
    """A setting for a node that this workflow lacks is for another task."""
    own = [setting for setting in settings if _has_node(workflow, setting)]
    (made,) = JobFactory(workflow, server.size).jobs(task.name, own, None)
    return Job(task.name, task.name.replace(" ", "_"), workflow, made.values)


def _has_node(workflow: Workflow, setting: str) -> bool:
    target = setting.partition("=")[0]
    return any(workflow.matching(target[:dot]) for dot, letter in enumerate(target) if letter == ".")


def entry(
    server: Client, task: Task, job: Job, watch: JobTracker, number: str, folder: Path
) -> dict[str, Any]:
    """What is known of one task."""
    problems, files = watch.problems[job.label], watch.files[job.label]
    known: dict[str, Any] = {"family": task.family, "task": task.kind, "problems": problems}
    if problems or not files:
        return known | {"needs": task.needs}
    video, sheet = files[0], folder / f"{job.name}.png"
    known |= {
        "seconds": round(watch.seconds[job.label], 1),
        "seconds_of_nodes": {title: round(s, 1) for title, s in watch.nodes[job.label].items()},
        "memory": watch.bytes[job.label],
        "weights": {name: digest(server, name) for name in weights_of(job.prompt)},
        "report": reports_of(server, number),
        "video": video.name,
        "workflow": job.prompt,
    }
    try:
        return known | {"measures": measure(task, video, sheet), "sheet": sheet.name}
    except (InputError, OSError) as error:
        return known | {"problems": [f"It could not be measured: {error}"]}


def reports_of(server: Client, number: str) -> list[str]:
    """What the nodes have shown of a prompt; nothing where the server is away by now."""
    try:
        return texts(server.history(number))
    except (Unreachable, Refused):
        return []


def texts(history: dict[str, Any] | None) -> list[str]:
    """What the nodes that show texts have shown."""
    shown = (history or {}).get("outputs", {}).values()
    return [text for node in shown for text in node.get("text", ()) if isinstance(text, str)]


def pack(report: dict[str, Any], folder: Path, file: Path) -> None:
    """The report, the videos and the sheets in one zip file."""
    names = [job[kind] for job in report["jobs"] for kind in ("video", "sheet") if kind in job]
    with atomic(file) as part, ZipFile(part, "w", ZIP_DEFLATED) as zipped:
        zipped.writestr("report.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        for name in names:
            zipped.write(folder / name, name)
