"""What the sources never do, and a run without a network."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyreels_core.cli import main

PACK = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("skyreels_core", "nodes") for path in sorted((PACK / folder).rglob("*.py"))]
# They ask speech synthesisers for voices to train with
PROGRAMS = {"skyreels_core/demo/voices.py", "skyreels_core/demo/people/voices.py"}
# Starts its own code again, a process for each device
PROGRAMS |= {"skyreels_core/parallel/workers.py", "skyreels_core/training/launching.py"}
# Runs the command that the user names in a file, without a shell
PROGRAMS |= {"skyreels_core/data/stages/captions.py"}
# Writes and reads addresses, and opens none
SPELLING = ("urllib.parse",)
# Answers in the host's own server, and asks nobody
ANSWERS = {"nodes/host/routes.py"}
NETWORK = {
    "socket",
    "ssl",
    "requests",
    "urllib",
    "urllib3",
    "http",
    "httpx",
    "aiohttp",
    "websocket",
    "websockets",
    "ftplib",
}
UNSAFE = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "joblib",
    "torch.hub",
    "huggingface_hub",
}
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"}


def place(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}


def says(value: ast.expr | None, wanted: object) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


def problems(path: Path) -> list[str]:
    tree, found = ast.parse(path.read_text(encoding="utf-8")), []
    for name in imported(tree):
        top = name.split(".")[0]
        if top in UNSAFE or name in UNSAFE:
            found.append(f"imports {name}")
        asks = top in NETWORK and not name.startswith(SPELLING)
        if asks and "skyreels_core/queueing" not in place(path) and place(path) not in ANSWERS:
            found.append(f"imports {name}")
        if top == "subprocess" and place(path) not in PROGRAMS:
            found.append(f"imports {name}")
    for name, options in calls(tree):
        if name in RUNS_TEXT or says(options.get("shell"), True) or says(options.get("allow_pickle"), True):
            found.append(f"calls {name}")
        if name == "torch.load" and not says(options.get("weights_only"), True):
            found.append("torch.load without weights_only=True")
        if name.endswith("from_pretrained") and not says(options.get("local_files_only"), True):
            found.append(f"{name} without local_files_only=True")
        if "trust_remote_code" in options and not says(options["trust_remote_code"], False):
            found.append(f"{name} trusts foreign code")
        if name == "yaml.load":
            found.append("yaml.load in the place of yaml.safe_load")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_no_source_runs_foreign_code_starts_a_shell_or_asks_a_network(path):
    assert problems(path) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from torch import hub", "import requests", "from urllib.request import urlopen", "eval('1')",
        "import os; os.system('ls')", "torch.load(path)", "torch.load(path, weights_only=False)",
        "Model.from_pretrained(name)", "run(words, shell=True)", "np.load(path, allow_pickle=True)",
        "import subprocess",
        "Model.from_pretrained(name, local_files_only=True, trust_remote_code=True)", "yaml.load(text)",
    ],
)  # fmt: skip
def test_what_is_looked_for_would_be_found(tmp_path, monkeypatch, source):
    monkeypatch.setattr(sys.modules[__name__], "PACK", tmp_path)
    (tmp_path / "a.py").write_text(source)
    assert problems(tmp_path / "a.py")


ALONE = """
import os, socket, sys, time

def refuse(*words, **more):
    os.write(2, b"THE NETWORK WAS ASKED\\n")
    os._exit(99)

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
true = time.time
time.time = lambda: true() + 5e8 * (int(true() * 1000) % 3)  # and a clock that jumps by years
ALONE = True
"""
PROGRAM = """
import sys
from skyreels_core.cli import main
assert sys.modules["sitecustomize"].ALONE
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_asks_no_network_and_makes_the_same_bytes_whatever_the_clock_says(desk):
    assert main(desk.animation()) == 0
    usual = desk.output.read_bytes()
    site = desk.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(ALONE)
    environment = {
        name: value for name, value in os.environ.items() if "OFFLINE" not in name and "HF_" not in name
    }
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(site), str(PACK)]),
        "HF_HOME": str(desk.folder / "hub"),
    }
    desk.output.unlink()
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *desk.animation()], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "NETWORK" not in ran.stderr and not (desk.folder / "hub").exists()
    assert desk.output.read_bytes() == usual
