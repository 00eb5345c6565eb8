"""Jobs: a workflow with values put in, one for each row of a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..typed import spellings
from .client import File, Prompt
from .tables import NAME, Row, read_table
from .workflow import Workflow

UPLOADS = "skyreels-audio"  # folder below the server's input folder


@dataclass(frozen=True)
class Upload:
    path: Path
    file: File

    @property
    def value(self) -> str:
        return f"{self.file.subfolder}/{self.file.filename}"


@dataclass(frozen=True)
class Job:
    label: str  # for messages
    name: str | None  # of its files; None: as the server names them
    workflow: Workflow
    values: dict[tuple[str, str], Any]  # by node id and input

    @property
    def uploads(self) -> list[Upload]:
        return [value for value in self.values.values() if isinstance(value, Upload)]

    @cached_property
    def prompt(self) -> Prompt:
        plain = {
            place: value.value if isinstance(value, Upload) else value for place, value in self.values.items()
        }
        return self.workflow.with_values(plain)


class JobFactory:
    """Makes jobs of one workflow; a file that is given often is read once."""

    def __init__(self, workflow: Workflow, on_server: Callable[[File], int | None]):
        self.workflow, self.on_server = workflow, on_server
        self.uploads: dict[Path, Upload] = {}

    def jobs(self, label: str, settings: Sequence[str], table: Path | None) -> list[Job]:
        """One job, or one for each row of the table. A row's own value goes over that of `settings`."""
        common = {}
        for setting in settings:
            target, text = parted(setting)
            place = self.workflow.find(target)
            common[place] = self.value(*place, text, [Path()])
        if table is None:
            return [Job(label, None, self.workflow, common)]
        columns, rows = read_table(table)
        places = {column: self.workflow.find(column) for column in columns if column != NAME}
        return [self.job(row, common, places, [table.parent, Path()]) for row in rows]

    def job(self, row: Row, common: dict, places: dict[str, tuple[str, str]], folders: list[Path]) -> Job:
        own = {}
        for column, place in places.items():
            if column not in row.cells:
                continue
            try:
                own[place] = self.value(*place, row.cells[column], folders)
            except InputError as error:
                raise InputError(f"Row {row.number}: {error} It is in the column '{column}'.") from error
        name = row.cells.get(NAME)
        return Job(name or f"row {row.number}", name, self.workflow, common | own)

    def value(self, node: str, name: str, text: str, folders: list[Path]) -> Any:
        if not self.workflow.takes_uploads(node, name):
            return self.workflow.read(node, name, text)
        ways = list(dict.fromkeys(spellings(text)))
        here = (folder / way for way in ways for folder in folders)
        if path := next((path for path in here if is_file(path)), None):
            return self.upload(path.resolve())
        for way in ways:
            subfolder, _, filename = way.replace("\\", "/").rpartition("/")
            if self.on_server(File(filename, subfolder, "input")) is not None:
                return way
        raise InputError(
            f"'{text}' is neither a file here nor in the server's input folder. Give '{name}' of node "
            f"{self.workflow.describe(node)} the path of a file, from the table's folder or from here."
        )

    def upload(self, path: Path) -> Upload:
        if path not in self.uploads:
            self.uploads[path] = Upload(path, File(upload_name(path), UPLOADS, "input"))
        return self.uploads[path]


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that no system takes as a name
        return False


def parted(setting: str) -> tuple[str, str]:
    target, equals, value = setting.partition("=")
    if not equals:
        raise InputError(f"--set {setting} cannot be read; write node.input=value.")
    return target, value


def upload_name(path: Path) -> str:
    """The same for the same content, and readable in the server's lists."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem)[:40]
    return f"{stem}-{digest.hexdigest()[:16]}{path.suffix.lower()}"
