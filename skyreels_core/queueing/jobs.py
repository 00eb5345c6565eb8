"""Jobs: a workflow with values put in, one for each row of a table."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InputError
from .client import File, Prompt
from .workflow import Workflow

NAME = "name"  # the column that names the files of a row
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


@dataclass(frozen=True)
class Row:
    number: int  # as a spreadsheet counts: the header is row 1
    cells: dict[str, str]  # by column; without the empty ones


class Desk:
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
        cells = {place: row.cells[column] for column, place in places.items() if column in row.cells}
        try:
            own = {place: self.value(*place, text, folders) for place, text in cells.items()}
        except InputError as error:
            raise InputError(f"Row {row.number}: {error}") from error
        name = row.cells.get(NAME)
        return Job(name or f"row {row.number}", name, self.workflow, common | own)

    def value(self, node: str, name: str, text: str, folders: list[Path]) -> Any:
        if not self.workflow.takes_uploads(node, name):
            return self.workflow.read(node, name, text)
        here = (folder / os.path.expanduser(text) for folder in folders)
        if path := next((path for path in here if path.is_file()), None):
            return self.upload(path.resolve())
        subfolder, _, filename = text.replace("\\", "/").rpartition("/")
        if self.on_server(File(filename, subfolder, "input")) is None:
            raise InputError(f"'{text}' is neither a file here nor in the server's input folder.")
        return text

    def upload(self, path: Path) -> Upload:
        if path not in self.uploads:
            self.uploads[path] = Upload(path, File(upload_name(path), UPLOADS, "input"))
        return self.uploads[path]


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


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a CSV file with one column for each `node.input`; InputError where it has none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)  # spreadsheets write what their country uses
            file.seek(0)
            header, *lines = csv.reader(file, delimiter=delimiter)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not in UTF-8; save the table as 'CSV UTF-8'.") from error
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table with a header of node.input columns.") from error
    header = [column.strip() for column in header]
    while header and not header[-1]:  # spreadsheets leave empty columns behind
        header.pop()
    check_header(path, header)
    rows = [row_of(path, number, header, line) for number, line in enumerate(lines, 2) if any(line)]
    if not any(row.cells for row in rows):
        raise InputError(f"{path} has a header but no rows; each row is one job.")
    return header, [row for row in rows if row.cells]


def check_header(path: Path, header: list[str]) -> None:
    if not header or not all(header):
        raise InputError(f"{path} has a column without a header; the first line names node.input columns.")
    if twice := [column for column in dict.fromkeys(header) if header.count(column) > 1]:
        raise InputError(f"{path} has the column '{twice[0]}' twice.")


def row_of(path: Path, number: int, header: list[str], line: list[str]) -> Row:
    if any(line[len(header) :]):
        raise InputError(f"Row {number} of {path} has {len(line)} cells, the header has {len(header)}.")
    cells = zip(header, line, strict=False)
    return Row(number, {column: cell for column, cell in cells if cell.strip()})
