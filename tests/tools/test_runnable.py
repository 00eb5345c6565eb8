"""What the tools and the benchmarks import exists, and so does every command that the repository tells to type."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))  # tools and benchmarks are no part of the package

from benchmarks import __main__ as benchmarks
from benchmarks import record, report

REPOSITORY = Path(__file__).parents[2]
IN_HOST = "_in_host"  # ends the name of what ComfyUI's interpreter runs
OPTIONAL = {"playwright", "tomllib"}  # for pictures of the front end; since Python 3.11
TOLD = ("*.md", *(f"{folder}/**/*.{suffix}" for folder in ("benchmarks", "docs", "nodes", "skyreels_core", "tools")
                  for suffix in ("md", "py", "toml", "yaml")))  # fmt: skip
COMMAND = re.compile(r"python -m ((?:benchmarks|tools)(?:\.\w+)*)((?: [a-z]\w+)*)")


def modules() -> list[str]:
    paths = [path for folder in ("benchmarks", "tools") for path in (REPOSITORY / folder).rglob("*.py")]
    names = [".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in paths]
    return sorted(name.removesuffix(".__init__") for name in names if not name.endswith(IN_HOST))


def commands() -> Iterator[tuple[str, str]]:
    """Module and the words behind it, as code spans, fences, docstrings and comments give them."""
    for path in sorted(path for pattern in TOLD for path in REPOSITORY.glob(pattern)):
        if path.name != "CHANGELOG.md":  # tells of commands that were
            yield from COMMAND.findall(path.read_text(encoding="utf-8"))


def imported(name: str):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise


@pytest.mark.parametrize("name", modules())
def test_a_module_finds_all_that_it_imports(name):
    assert imported(name)


@pytest.mark.parametrize("name", sorted({name for name, _ in commands()} - {"benchmarks"}))
def test_a_module_that_a_command_names_can_be_run(name):
    spec = find_spec(name)
    assert spec is not None, f"there is no {name}"
    where = spec if spec.submodule_search_locations is None else find_spec(f"{name}.__main__")
    assert where and where.origin, f"{name} is a folder without a command"
    assert '\nif __name__ == "__main__":\n' in Path(where.origin).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*benchmarks.NAMES, *(part.__name__ for part in report.SECTIONS)} | {
    word for module, words in commands() if module == "benchmarks" for word in words.split()}))  # fmt: skip
def test_a_measurement_that_is_named_is_made_and_reported(name):
    assert callable(imported(f"benchmarks.{name}").run)
    assert name in {part.__name__ for part in report.SECTIONS}


def test_the_page_of_results_is_what_the_records_say(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "DOCS", tmp_path)
    report.write_report()
    assert (tmp_path / "results.md").read_bytes() == (record.DOCS / "results.md").read_bytes()
