"""A benchmark whose videos a real ComfyUI generates."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from batches import node

sys.path.append(str(Path(__file__).parents[1] / "benchmarking"))

from spec_files import held, run_of, write_inputs

from skyreels_core.errors import InputError
from skyreels_core.media.reading import read_video

FILMED = {
    "1": node("Portrait", "LoadImage", image="example.png"),
    "2": node("Frames", "RepeatImageBatch", image=["1", 0], amount=3),
    "3": node("Work", "TestSteps", images=["2", 0], steps=1, seconds=0.0, failure=""),
    "4": node("Film", "CreateVideo", images=["3", 0], fps=8.0),
    "5": node("Save", "SaveVideo", video=["4", 0], filename_prefix="film", format="auto", codec="auto"),
}
INPUTS = {"portrait": "Portrait.image", "seed": "Frames.amount"}


@pytest.fixture
def benchmark(server, tmp_path):
    """A run of two portraits, whose seeds are numbers of frames."""
    folder = write_inputs(tmp_path / "inputs")
    (folder / "film.json").write_text(json.dumps(FILMED))

    def run(url=server.url, **fields):
        stated = {
            "portraits": ["portraits/anna.png", "portraits/ben.png"], "options": None, "seeds": [3, 5],
            "server": {"url": url, "workflow": "film.json", "inputs": INPUTS},
            "settings": {"slow": {"Film.fps": 8}, "fast": {"Film.fps": 16}}, "baseline": "slow",
            "metrics": ["sharpness", "seams"],
        }  # fmt: skip
        return run_of(folder, tmp_path / "out", **{**stated, **fields})

    return run


def test_a_server_generates_each_cell_once_and_its_videos_are_measured(benchmark, tmp_path):
    done = benchmark().run()
    assert (done.cells, done.failed) == (8, 0)
    cells = held(tmp_path / "out")["cells"]
    assert {(cell["frames"], cell["fps"]) for cell in cells} == {(3, 8), (5, 8), (3, 16), (5, 16)}
    assert all(cell["figures"]["sharpness"] > 0 for cell in cells)
    first = read_video(tmp_path / "out" / cells[0]["video"])
    assert torch.isfinite(first.frames).all() and first.frames.shape == (3, 32, 32, 3)
    assert (
        "a server does not tell where windows meet (4 cells)"
        in (tmp_path / "out" / "benchmark.md").read_text()
    )
    benchmark(url="http://127.0.0.1:9").run()  # nothing is left to do: nobody is asked
    assert not list((tmp_path / "out" / "cells").glob(".*"))


def test_a_job_that_fails_is_a_failed_cell(benchmark, tmp_path):
    settings = {"fine": {"Film.fps": 8}, "broken": {"Work.failure": "out of paint"}}
    done = benchmark(settings=settings, baseline=None, seeds=[3]).run()
    assert (done.cells, done.failed) == (4, 2)
    problems = [cell["problem"] for cell in held(tmp_path / "out")["cells"]]
    assert problems[:2] == [None, None] and "out of paint" in problems[2]


def test_a_field_that_the_workflow_lacks_and_a_server_that_is_away_are_said(benchmark):
    with pytest.raises(InputError, match="has no input 'speed'"):
        benchmark(settings={"a": {"Film.speed": 2}}, baseline=None).run()
    with pytest.raises(InputError, match=r"No ComfyUI answers at http://127\.0\.0\.1:9"):
        benchmark(url="http://127.0.0.1:9").run()
