"""Cells of a ComfyUI server, by the batch client."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from ..api.evaluation import VIDEOS
from ..errors import InputError
from ..media.footage import open_video
from ..pipeline.run import Progress
from ..queueing.batch import Batch
from ..queueing.client import Client, Refused, Unreachable
from ..queueing.jobs import Job, JobFactory
from ..queueing.workflow import read_workflow
from ..run.plan import RunPlan
from .cells import Cell
from .fields import stated
from .folder import INCOMING, Folder, Record, digest
from .local import Ended
from .material import Material
from .spec import Benchmark, Server

AT_ONCE = 32  # jobs in the server's queue


class ServerCells:
    """Queues cells on the server, some at a time."""

    def __init__(self, benchmark: Benchmark, server: Server, material: Material) -> None:
        self.benchmark, self.server, self.material = benchmark, server, material
        if not server.workflow.is_file():
            raise InputError(f"{benchmark.file}: the server's workflow {server.workflow} does not exist.")

    def made_from(self, cell: Cell) -> dict[str, Any]:
        """All that this side gives; the server's weights are not known here. Raises OSError for unreadable inputs."""
        files = {"portrait": cell.inputs.shown, "clip": cell.inputs.shown, "voice": cell.inputs.voice}
        given = {role: digest(path) for role, path in files.items() if role in self.server.inputs}
        plain = {"prompt": cell.inputs.prompt, "seed": cell.seed, "mask": digest(cell.inputs.mask)}
        given |= {role: value for role, value in plain.items() if role in self.server.inputs}
        return {
            "workflow": digest(self.server.workflow),
            "places": dict(self.server.inputs),
            "inputs": given,
            "options": dict(cell.setting.options),
        }

    def plan(self, cell: Cell) -> RunPlan | None:
        """What a server does is not known here."""
        return None

    def make(
        self, cells: Iterable[tuple[Cell, Record]], folder: Folder, ended: Ended, progress: Progress
    ) -> None:
        """Raises InputError where the server does not answer, and where its workflow lacks what is to be set."""
        left = iter(cells)
        if not (chosen := list(islice(left, AT_ONCE))):
            return
        client = Client(self.server.url)
        with answering(client):
            factory = JobFactory(read_workflow(self.server.workflow, client.node_info), client.size)
            with incoming(folder) as landing:
                while chosen:
                    watch = Landing(folder, ended, progress)
                    jobs = [job for cell, known in chosen if (job := self._job(factory, cell, known, watch))]
                    Batch(client, jobs, landing, self.server.wait, watch).run()
                    chosen = list(islice(left, AT_ONCE))

    def _job(self, factory: JobFactory, cell: Cell, known: Record, watch: Landing) -> Job | None:
        """None where an input cannot be read; then the cell has ended."""
        try:
            values = self._values(cell)
        except (InputError, OSError) as error:
            watch.ends(cell, replace(known, problem=stated(error)))
            return None
        made = factory.jobs(cell.label, values, None)[0]
        watch.waiting[known.id] = cell, known
        return Job(cell.label, known.id, made.workflow, made.values)

    def _values(self, cell: Cell) -> list[str]:
        """NODE.INPUT=VALUE, as the batch client reads it."""
        inputs = cell.inputs
        given: dict[str, Any] = {
            "voice": inputs.voice,
            "prompt": inputs.prompt,
            "seed": cell.seed,
            "clip": inputs.shown,
        }
        if "portrait" in self.server.inputs:
            given["portrait"] = self.material.picture(inputs.shown)
        if inputs.mask is not None:
            given["mask"] = inputs.mask
        places = {
            self.server.inputs[role]: value for role, value in given.items() if role in self.server.inputs
        }
        return [f"{place}={as_text(value)}" for place, value in {**places, **cell.setting.options}.items()]


class Landing:
    """Puts what is downloaded in its place and keeps the record at once; a `queueing.batch.Watcher`."""

    def __init__(self, folder: Folder, ends: Ended, shown: Progress) -> None:
        self.folder, self.ends, self.shown = folder, ends, shown
        self.waiting: dict[str, tuple[Cell, Record]] = {}
        self.began: dict[str, float] = {}

    def progress(self, job: Job, part: float, what: str) -> None:
        self.began.setdefault(job.label, time.monotonic())
        self.shown("server", round(100 * part), 100, f"{job.label}: {what}")

    def ended(self, job: Job, files: list[Path], problems: list[str]) -> None:
        cell, known = self.waiting.pop(str(job.name))
        seconds = time.monotonic() - self.began.get(job.label, time.monotonic())
        self.ends(cell, replace(self._landed(known, files, problems), seconds=round(seconds, 2)))

    def _landed(self, known: Record, files: list[Path], problems: list[str]) -> Record:
        made = next((file for file in files if file.suffix.lower() in VIDEOS), None)
        if problems or made is None:
            return replace(known, problem=" ".join(problems) or "The workflow saved no video.")
        place = self.folder.cells / f"{known.id}{made.suffix.lower()}"
        os.replace(made, place)
        try:
            video = open_video(place)
        except InputError as error:
            return replace(known, problem=str(error))
        return replace(known, video=place.name, problem="", frames=len(video), fps=video.fps)


@contextmanager
def incoming(folder: Folder) -> Iterator[Path]:
    """A folder for what is downloaded."""
    path = folder.cells / INCOMING
    path.mkdir(exist_ok=True)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def answering(client: Client) -> Iterator[None]:
    """The server's absence and its refusals in sentences."""
    try:
        client.version()
        yield
    except Unreachable as error:
        raise InputError(
            f"No ComfyUI answers at {client.url} ({error}). Start it, or give its address as the server's url."
        ) from error
    except Refused as error:
        raise InputError(f"{client.url} rejects requests: {error}.") from error


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
