"""What the tests of `skyreels-audio queue` share: a workflow, the command's words, and looks at what it made."""

from __future__ import annotations

import csv
import json
import time

from skyreels_core.media.reading import read_picture

PATIENCE = 600  # seconds for what takes a few on an idle machine


def node(title, class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


COLOURED = {
    "1": node("Colour", "EmptyImage", width=32, height=16, batch_size=1, color=0),
    "2": node("Work", "TestSteps", images=["1", 0], steps=4, seconds=0.0, failure=""),
    "3": node("Save Image", "SaveImage", images=["2", 0], filename_prefix="coloured"),
}


def words_of(url, folder, workflow, *options, rows=(), output="files"):
    """The command for a workflow and, if there are any, the rows of a table."""
    path = folder / "workflow.json"
    path.write_text(json.dumps(workflow))
    table = () if not rows else ("--csv", write_table(folder / "jobs.csv", rows))
    given = ("--server", url, "--workflow", path, "-o", folder / output, *table, *options)
    return ["queue", *map(str, given)]


def write_table(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    return path


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def colour_of(path):
    return [round(value.item() * 255) for value in read_picture(path)[0, 0]]


def names(folder):
    return sorted(path.name for path in folder.iterdir())
