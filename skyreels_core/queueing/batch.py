"""A batch of jobs on a server: queued, followed, downloaded, and queued again where the server lost them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from .client import Client, Refused, Unreachable
from .fetching import fetch
from .jobs import Job
from .problems import ended_with, left_out, of_files, refusal

logger = logging.getLogger(__name__)

TICK = 1.0  # seconds that Ctrl-C may have to wait, on Windows
RETRY = 1.0  # seconds between two tries to reach it
TRIES = 3  # of one job, where others get through


class Watcher(Protocol):
    def progress(self, job: Job, part: float, what: str) -> None:
        """`part` is 0..1 of the job's nodes, `what` the node that runs."""

    def ended(self, job: Job, files: list[Path], problems: list[str]) -> None: ...


@dataclass
class Ticket:
    """A job on its way."""

    job: Job
    prompt_id: str = field(default_factory=lambda: str(uuid4()))
    queued: bool = False
    running: bool = False
    over: bool = False
    crashes: int = 0  # of the server while it ran
    breaks: int = 0  # of the connection while it was queued or downloaded
    cached: set[str] = field(default_factory=set)  # nodes that need not run
    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def fail(self, *problems: str) -> None:
        self.over = True
        self.problems += problems

    @contextmanager
    def handled(self) -> Iterator[None]:
        """What is wrong with one job ends that job; the server's absence does not."""
        try:
            yield
            self.breaks = 0
        except Unreachable as error:
            self.breaks += 1
            if self.breaks < TRIES:
                raise
            self.fail(f"The connection broke {TRIES} times during this job: {error}.")
        except Refused as error:
            self.fail(*refusal(self.job.workflow, error))
        except OSError as error:
            self.fail(of_files(error))


class Batch:
    """`wait` is how many seconds the server may be away."""

    idle = 30.0  # seconds without a look at the server's queue

    def __init__(self, server: Client, jobs: Sequence[Job], folder: Path, wait: float, watcher: Watcher):
        self.server, self.folder, self.wait, self.watcher = server, folder, wait, watcher
        self.open = {ticket.prompt_id: ticket for ticket in map(Ticket, jobs)}
        self.failed: list[Job] = []
        self.met = False
        self.looked = 0.0
        self.away: list[float] = []  # times of failed tries to reach the server, until one succeeds

    def run(self) -> None:
        """Until every job has ended. KeyboardInterrupt drops what is left from the server's queue."""
        try:
            while self.open:
                try:
                    self.follow()
                except (Unreachable, Refused) as error:
                    if not self.met:
                        raise
                    self.bear(error)
        except KeyboardInterrupt:
            self.drop()
            raise

    def follow(self) -> None:
        with self.server.listen() as socket:
            self.met = True
            self.look(self.queue_again)
            self.away = []
            while self.open:
                event = socket.event(TICK)
                if event is not None:
                    self.handle(event)
                if time.monotonic() - self.looked >= self.idle:
                    self.look(self.removed)

    def look(self, lost: Callable[[Ticket], None]) -> None:
        """Queue what is new, end what has ended; `lost` gets what the server does not know."""
        known = set().union(*self.server.queued())
        for ticket in list(self.open.values()):
            if not ticket.queued:
                self.queue(ticket)
            elif ticket.prompt_id not in known and not self.end(ticket):
                lost(ticket)
        self.looked = time.monotonic()

    def queue(self, ticket: Ticket) -> None:
        ticket.queued = True  # even if the answer is lost
        with ticket.handled():
            for upload in ticket.job.uploads:
                if self.server.size(upload.file) != upload.path.stat().st_size:
                    self.server.upload(upload.path, upload.file)
            answer = self.server.queue(ticket.job.prompt, ticket.prompt_id)
            ticket.problems = left_out(ticket.job.workflow, answer)
        if ticket.over:
            self.close(ticket)

    def queue_again(self, ticket: Ticket) -> None:
        ticket.crashes += ticket.running
        if ticket.crashes == 2:
            ticket.fail("The server stopped twice while it ran this job; it is not queued again.")
            self.close(ticket)
            return
        logger.info("%s: the server no longer has this job; it is queued again.", ticket.job.label)
        ticket.running = False
        self.queue(ticket)

    def removed(self, ticket: Ticket) -> None:
        ticket.fail("It was removed from the server's queue.")
        self.close(ticket)

    def handle(self, event: dict[str, Any]) -> None:
        data = event.get("data")
        if not isinstance(data, dict) or (ticket := self.open.get(data.get("prompt_id", ""))) is None:
            return
        ticket.running = True
        if event["type"] == "execution_cached":
            ticket.cached = set(data["nodes"])
        elif event["type"] == "progress_state":
            self.watcher.progress(ticket.job, *progress(ticket, data["nodes"]))
        elif event["type"] == "executing" and data["node"] is None:
            self.end(ticket)

    def end(self, ticket: Ticket) -> bool:
        """Whether the job has ended; then its files are here."""
        entry = self.server.history(ticket.prompt_id)
        if entry is None:
            return False
        if problems := ended_with(ticket.job.workflow, entry):
            ticket.fail(*problems)
        else:
            with ticket.handled():
                ticket.files = fetch(self.server, entry, self.folder, ticket.job.name)
        self.close(ticket)
        return True

    def close(self, ticket: Ticket) -> None:
        del self.open[ticket.prompt_id]
        if ticket.problems:
            self.failed.append(ticket.job)
        self.watcher.ended(ticket.job, ticket.files, ticket.problems)

    def bear(self, error: Exception) -> None:
        """The server's absence, for as long as was agreed."""
        self.away.append(time.monotonic())
        if self.away[-1] - self.away[0] < self.wait:
            if len(self.away) == 2:  # the first try after a break mostly succeeds
                logger.info(
                    "%s cannot be reached (%s); waiting up to %g s.", self.server.url, error, self.wait
                )
            time.sleep(RETRY)
            return
        for ticket in list(self.open.values()):
            ticket.fail(f"It is not finished: the server could not be reached for {self.wait:g} s.")
            self.close(ticket)

    def drop(self) -> None:
        mine = {ticket.prompt_id for ticket in self.open.values() if ticket.queued}
        try:
            self.server.drop(mine)
            logger.info("%d jobs were removed from the server's queue.", len(mine))
        except (Unreachable, Refused) as error:
            logger.warning("%d jobs stay in the server's queue: %s.", len(mine), error)


def progress(ticket: Ticket, nodes: dict[str, dict[str, Any]]) -> tuple[float, str]:
    """Part of the nodes that are done, and the step of the one that runs."""
    workflow = ticket.job.workflow
    parts = dict.fromkeys(ticket.cached, 1.0)
    what = ""
    for node, state in nodes.items():
        if node not in workflow.prompt:
            continue
        parts[node] = min(state["value"] / state["max"], 1.0) if state["max"] else 1.0
        if state["state"] == "running":
            steps = f" {state['value']:g}/{state['max']:g}" if state["max"] > 1 else ""
            what = workflow.title(node) + steps
    return sum(parts.values()) / len(workflow.prompt), what
