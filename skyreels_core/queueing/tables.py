"""Tables of jobs as spreadsheets export them."""

from __future__ import annotations

import csv
import io
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..typed import BLANKS

logger = logging.getLogger(__name__)

NAME = "name"  # the column that names the files of a row
EXPORT = "Export it as 'CSV UTF-8' and give that file."
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # at the start of a text
SEPARATOR = re.compile(r'\s*"?sep ?= ?(.)"?[;,]*\s*', re.IGNORECASE)  # a line for Excel alone
MOST_ACCENTS = 2  # side by side, in a language that Windows-1252 or Mac Roman writes


@dataclass(frozen=True)
class Row:
    number: int  # as a spreadsheet counts: the header is row 1
    cells: dict[str, str]  # by column; without the empty ones


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a CSV file with one column for each `node.input`; InputError where it has none."""
    text = decoded(path)
    first = next(iter(text.splitlines(keepends=True)), "")
    stated = SEPARATOR.fullmatch(first)
    text = text[len(first) :] if stated else text
    header_line = next((line for line in text.splitlines() if line.strip(BLANKS + ",;|")), "")
    delimiter = stated[1] if stated else max(",;\t|", key=header_line.count)  # what their country uses
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True))
    except (csv.Error, TypeError) as error:
        raise InputError(f"{path} cannot be read as a table with a header of node.input columns.") from error
    check_quotes(path, text, lines)
    lines = [[bare(cell) for cell in line] for line in lines]
    top = next((index for index, line in enumerate(lines) if any(line)), None)
    if top is None:
        raise InputError(f"{path} is empty: a table with a header of node.input columns is needed.")
    header = lines[top]
    while not header[-1]:  # spreadsheets leave empty columns behind
        header.pop()
    check_header(path, header)
    rows = [
        row_of(path, number, header, line)
        for number, line in enumerate(lines[top + 1 :], top + 2)
        if any(line)
    ]
    if not any(row.cells for row in rows):
        raise InputError(f"{path} has a header but no rows; each row is one job.")
    return header, [row for row in rows if row.cells]


def bare(cell: str) -> str:
    return cell.strip(BLANKS)


def decoded(path: Path) -> str:
    """The text of a table in UTF-8, UTF-16, or what Excel's plain 'CSV' has on Windows and on a Mac, which is
    said."""
    content = path.read_bytes()
    refuse_others(path, content)
    mark = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    halves = content[1:200:2], content[:200:2]  # UTF-16 without a mark: every other byte of ASCII is 0
    if mark is None and content and b"\0" in content[:200]:
        mark = "utf-16-le" if halves[0].count(0) >= halves[1].count(0) else "utf-16-be"
    try:
        return content.decode(mark or "utf-8")
    except UnicodeDecodeError as error:
        if mark is not None:
            raise not_unicode(path) from error
    western = "cp1252" if b"\n" in content else "mac_roman"  # only a Mac ends its lines with CR alone
    try:
        text = content.decode(western)
    except UnicodeDecodeError as error:
        raise not_unicode(path) from error
    if re.search(rf"[^\x00-\x7f]{{{MOST_ACCENTS + 1}}}", text):
        raise not_unicode(path)
    logger.warning(
        "%s is not in UTF-8; it is read as %s. Export it as 'CSV UTF-8' if letters are wrong.", path, western
    )
    return text


def not_unicode(path: Path) -> InputError:
    return InputError(f"{path} is not in UTF-8; save the table as 'CSV UTF-8'.")


def refuse_others(path: Path, content: bytes) -> None:
    """Raises InputError for a workbook or a page, which people take for the table in it."""
    kind = None
    if content.startswith(b"PK"):
        kind = (
            "an OpenDocument spreadsheet (.ods)"
            if b"opendocument" in content[:200]
            else "an Excel workbook (.xlsx)"
        )
        kind = "a Numbers document" if path.suffix.lower() == ".numbers" else kind
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        kind = "an Excel workbook (.xls)"
    elif content[:500].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        kind = "a web page or XML"
    elif content[:500].lstrip().startswith((b'{"', b"[{", b"{\n", b"{\r")):
        kind = "a JSON file"
    if kind is not None:
        raise InputError(f"{path} is {kind}, not a CSV table. {EXPORT}")


def check_quotes(path: Path, text: str, lines: list[list[str]]) -> None:
    """Raises InputError where a cell takes in all rows that follow, since its quotation mark has no other."""
    if text.count('"') % 2 and lines and "\n" in lines[-1][-1].strip():
        raise InputError(
            f"{path} has an unclosed quotation mark: from '{lines[-1][-1].splitlines()[0][:40]}' on, all rows "
            "are in one cell. Close it, or double it where it is part of the text."
        )


def check_header(path: Path, header: list[str]) -> None:
    if not header or not all(header):
        raise InputError(f"{path} has a column without a header; the first line names node.input columns.")
    if twice := [column for column in dict.fromkeys(header) if header.count(column) > 1]:
        raise InputError(f"{path} has the column '{twice[0]}' twice.")


def row_of(path: Path, number: int, header: list[str], line: list[str]) -> Row:
    if any(line[len(header) :]):
        raise InputError(f"Row {number} of {path} has {len(line)} cells, the header has {len(header)}.")
    return Row(number, {column: cell for column, cell in zip(header, line, strict=False) if cell})
