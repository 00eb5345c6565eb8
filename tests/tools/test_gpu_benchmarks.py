"""The measurements of a GPU, tried on the CPU at toy sizes: that they run, not what they find."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
import torch

from benchmarks import gpu, gpu_table
from benchmarks.gpu_parts.part import HOMES, machine
from benchmarks.gpu_parts.sizes import REAL, TOY
from benchmarks.record import DOCS, Record

IN_THIS_PROCESS = sorted(HOMES.keys() - {"host"})


@pytest.mark.parametrize("name", IN_THIS_PROCESS)
def test_a_part_measures_seconds(name):
    torch._dynamo.reset()
    found = getattr(import_module(f"benchmarks.gpu_parts.{HOMES[name]}"), name)(TOY)
    numbers = [value for value in found.values() if isinstance(value, float)]
    assert numbers and all(value == value for value in numbers)
    lines = [line for line in gpu_table.LINES if line.part == name]
    assert lines and any(gpu_table.cell(line, {name: found}) != "unmeasured" for line in lines)
    json.dumps(found)


def test_a_part_that_fails_or_takes_too_long_is_recorded_and_the_others_run(monkeypatch):
    assert gpu.part("nonsense", True, 120)["failed"].startswith("KeyError: 'nonsense'")
    assert gpu.part("core", True, 0.01) == {"failed": "it took more than 0 s"}
    monkeypatch.setattr(gpu, "PARTS", {"core": 60, "vae": 60})
    found = {
        "machine": {"gpu": "G", "torch": "T"},
        "core": {"failed": "out of memory"},
        "vae": {"encode": 1.0},
    }
    monkeypatch.setattr(gpu, "part", lambda name, toy, seconds: found[name])
    record = Record()
    gpu.run(record, toy=True)
    (entry,) = record["entries"]
    assert entry["parts"] == {"core": found["core"], "vae": found["vae"]}


def test_all_parts_have_a_time_limit_and_a_place_and_eight_minutes_are_never_passed(monkeypatch):
    assert gpu.PARTS.keys() == HOMES.keys() == {line.part for line in gpu_table.LINES}
    now = iter(range(0, 10**6, 100))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: float(next(now)))
    given = []
    monkeypatch.setattr(
        gpu, "part", lambda name, toy, seconds: given.append(seconds) or {"gpu": "G", "torch": "T"}
    )
    parts = gpu.measured(toy=True)["parts"]
    assert [name for name, found in parts.items() if "failed" in found] == list(gpu.PARTS)[4:]
    assert given[1:] == [70, 90, 50, 80]


def test_a_new_measurement_stands_beside_those_of_other_gpus(monkeypatch):
    earlier = Record(
        entries=[{"gpu": "A", "torch": "1", "parts": {}}, {"gpu": "B", "torch": "1", "parts": {}}]
    )
    monkeypatch.setattr(gpu.Record, "load", lambda name: earlier)
    monkeypatch.setattr(
        gpu, "measured", lambda toy: {"gpu": "B", "torch": "1", "parts": {"core": {"bare": 1.0}}}
    )
    record = Record()
    gpu.run(record)
    assert [(entry["gpu"], len(entry["parts"])) for entry in record["entries"]] == [("A", 0), ("B", 1)]


def test_without_a_gpu_it_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert machine(REAL) == {"failed": "PyTorch finds no GPU."}


def test_the_table_in_the_documents_is_that_of_the_recorded_figures():
    record = Record.load("gpu")
    assert record is not None
    page = (DOCS / "weights.md").read_text(encoding="utf-8")
    assert gpu_table.START + gpu_table.table(record["entries"]) + gpu_table.END in page
    assert "out of memory, or A/B" in gpu_table.cell(
        gpu_table.LINES[0], {"core": {"failed": "out of memory, or A|B"}}
    )
