"""The fixed jobs of `verify` are what the templates give."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tools are no part of the package

from skyreels_core.errors import InputError
from skyreels_core.verification.server import weights_of
from skyreels_core.verification.tasks import JOBS, read_task, tasks
from tools.make_verify_jobs import SOURCES, text

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.family} {source.kind}")


@each_source
def test_a_job_is_its_template_with_bundled_inputs(source):
    """`python -m tools.make_verify_jobs` writes them."""
    path = JOBS / f"{source.family}_{source.kind}.json"
    assert path.read_text("utf-8") == text(source)
    prompt = read_task(path).prompt
    kinds = [node["class_type"] for node in prompt.values()]
    assert not {"LoadImage", "LoadAudio", "LoadVideo"} & set(kinds) and "PreviewAny" in kinds
    links = [
        value[0] for node in prompt.values() for value in node["inputs"].values() if isinstance(value, list)
    ]
    assert set(links) <= set(prompt)


@each_source
def test_every_weights_file_of_a_job_has_a_folder(source):
    task = read_task(JOBS / f"{source.family}_{source.kind}.json")
    assert set(weights_of(task.prompt)) <= set(task.needs)


def test_all_families_but_the_demo_are_verified_unless_one_is_named():
    families = {task.family for task in tasks()}
    assert families == {source.family for source in SOURCES} - {"demo"}
    assert {task.family for task in tasks(["demo"])} == {"demo"}
    with pytest.raises(InputError, match="choose from demo"):
        tasks(["wanda"])


def test_there_is_no_job_without_a_template():
    assert {path.name for path in JOBS.iterdir()} == {f"{s.family}_{s.kind}.json" for s in SOURCES}
