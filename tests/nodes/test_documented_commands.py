"""Every command of the README, of CONTRIBUTING.md and of docs can be typed: its program, module, files and options."""

from __future__ import annotations

import ast
import itertools
import re

import pytest
from documents import PAGES, SCRIPT, commands, options
from sources import PACK, target, tree

from skyreels_core.cli import build_parser
from skyreels_core.errors import InputError

tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")

EXTRAS = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
# Commands of other programs, with what they name taken out.
OTHERS = (
    r"\. \.venv/bin/activate", r"cd ComfyUI/custom_nodes", r"git clone \S+ skyreels-audio",
    r"comfy node (install skyreels-audio|validate|publish)",
    r"apt-get install (espeak-ng|flite espeak-ng( libegl1 libgl1-mesa-dri)?)",
    r"torchrun .* --no-python skyreels-audio train --config \S+ --output \S+",
    r"playwright install chromium", r"ruff check", r"ruff format( --check)?", r"basedpyright --level error",
)  # fmt: skip
# What an option needs before it, to stand alone in a sentence.
BEGINNINGS = (
    "animate --audio a.wav -o a.mp4", "edit --video a.mp4 --audio a.wav -o b.mp4", "queue --workflow a.json",
    "benchmark demo", "data a.mp4 -o b",
)  # fmt: skip


def named():
    return [
        pytest.param(words, id=f"{page.name}: {' '.join(words)}")
        for page in PAGES
        for words in commands(page)
    ]


def problem(words: list[str]) -> str | None:
    """Why a command cannot be typed; None where it can."""
    program, *rest = words
    if program == "skyreels-audio":
        return unparsed(rest)
    if program == "python":
        return None if rest == ["-m", "venv", ".venv"] else missing_module(*rest[1:])
    if program == "pip":
        return missing_package(rest)
    if SCRIPT.fullmatch(program):
        return None if (PACK / program).is_file() else f"there is no {program}"
    return None if any(re.fullmatch(other, " ".join(words)) for other in OTHERS) else "nobody has checked it"


def unparsed(words: list[str]) -> str | None:
    if words[-1] in ("--help", "--version"):
        return None if len(words) == 1 or words[0] in subcommands() else f"there is no {words[0]}"
    if words == [words[0]] and words[0] in subcommands():
        return None
    try:
        parsed = build_parser().parse_args(words)
    except InputError as error:
        return str(error)
    given = (getattr(parsed, name, None) for name in ("workflow", "config"))
    kept = [path for path in given if path and path.parts[0] in ("workflows", "skyreels_core")]
    return next((f"there is no {path}" for path in kept if not (PACK / path).is_file()), None)


def subcommands() -> dict:
    (action,) = (action for action in build_parser()._actions if action.dest == "command")
    return action.choices


def missing_module(module: str, *given: str) -> str | None:
    if module == "pytest":
        written = " ".join(given).replace("-n 2 --dist loadfile", "").split()
        paths = [name for name in written if not (PACK / name).exists()]
        return f"there is no {paths[0]}" if paths else None
    place = PACK.joinpath(*module.split("."))
    if not (place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()):
        return f"there is no module {module}"
    if module == "benchmarks":
        names = [
            name
            for name, before in zip(given, ("", *given), strict=False)
            if not {"--model", "--devices"} & {name, before} and name != "--toy"
        ]
        return next((f"{name} is no benchmark" for name in names if not is_benchmark(name)), None)
    return None


def is_benchmark(name: str) -> bool:
    path = PACK / "benchmarks" / f"{name}.py"
    return path.is_file() and any(getattr(node, "name", None) == "run" for node in tree(path).body)


def missing_package(words: list[str]) -> str | None:
    """Files that pip is given, and extras of the project."""
    for option, path in itertools.pairwise(words):
        own = path.removeprefix("skyreels-audio/")
        if option in ("-c", "-r") and not (PACK / own).is_file():
            return f"there is no {path}"
    asked = {extra for word in words for extra in re.findall(r"^(?:\.|skyreels-audio)\[(\w+)\]$", word)}
    return next((f"there is no extra {extra}" for extra in asked - EXTRAS.keys()), None)


@pytest.mark.parametrize("words", named())
def test_a_command_can_be_typed(words):
    assert problem(words) is None


@pytest.mark.parametrize(
    "line",
    (
        "skyreels-audio animate --image me.png -o hello.mp4", "skyreels-audio edit --vidoe talk.mp4",
        "skyreels-audio queue --workflow workflows/api/nothing.json", "python -m benchmarks nothing",
        "python -m benchmarks.make_locales", "python -m pytest tests/nothing", "pip install -r nothing.txt",
        "pip install .[nothing]", ".ci/nothing", "curl -O weights",
    ),
)  # fmt: skip
def test_a_command_that_cannot_be_typed_is_found(line):
    assert problem(line.split())


def test_every_documented_option_exists():
    """Alone, or with its value after a command that takes it."""
    known = {flag for command in subcommands().values() for flag in command._option_string_actions}
    for page in PAGES:
        if page.parent.name == "docs":
            for words in options(page):
                assert words[0] in known, f"{page.name}: {words[0]}"
                assert len(words) == 1 or any(parses(line, words) for line in BEGINNINGS), (page.name, words)


def parses(beginning: str, words: list[str]) -> bool:
    return unparsed([*beginning.split(), *words]) is None


def test_every_measurement_that_is_made_by_default_exists():
    (listed,) = (
        node.value for node in tree(PACK / "benchmarks" / "__main__.py").body if target(node) == "NAMES"
    )
    assert [name for name in ast.literal_eval(listed) if not is_benchmark(name)] == []
