"""A version of the code in a folder, and its command line in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENTRY = re.compile(r'^skyreels-audio = "(.+)"$', re.MULTILINE)
IN_TREE = Path(__file__).with_name("in_tree.py")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Failed(Exception):
    """A probe could not be run to its end; in one tree or in both."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended, or that was only parsed."""

    code: int
    output: str
    errors: str
    options: dict[str, dict[str, str]]  # by command and option, where it was only parsed

    @property
    def sentence(self) -> str:
        return self.errors.strip().splitlines()[-1] if self.errors.strip() else ""


@dataclass(frozen=True)
class Tree:
    path: Path

    @property
    def entry(self) -> str:
        """Module and function of the command, as the project file names them."""
        project = self.path / "pyproject.toml"
        found = ENTRY.search(project.read_text(encoding="utf-8"))
        if found is None:
            raise Failed(f"{project} names no command skyreels-audio; give a tree of this project.")
        return found[1]

    @property
    def commit(self) -> str | None:
        """None where the tree is not exactly a commit."""
        if self.git("status", "--porcelain"):
            return None
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.path), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    def file(self, name: str) -> Path:
        """The only file of this name, wherever it lies."""
        found = [path for path in self.path.rglob(name) if ".git" not in path.relative_to(self.path).parts]
        if len(found) != 1:
            raise Failed(f"{self.path} has {len(found)} files {name}, and one is needed.")
        return found[0]

    def start(
        self, folder: Path, commands: Sequence[Sequence[object]], parse: bool = False
    ) -> subprocess.Popen:
        """Run commands one after the other in `folder`; `ended` reads what became of them."""
        request = {
            "tree": str(self.path), "entry": self.entry, "parse": parse,
            "commands": [list(map(str, words)) for words in commands],
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        with (folder / "log.txt").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(IN_TREE), "request.json", "response.json"],
                cwd=folder, env=environment(self.path), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, folder: Path, commands: Sequence[Sequence[object]], parse: bool = False) -> list[Ended]:
        (folder / "response.json").unlink(missing_ok=True)
        code = self.start(folder, commands, parse).wait()
        if code:
            raise Failed(f"The commands ended with {code}: {(folder / 'log.txt').read_text()[-2000:]}")
        return [
            Ended(**found) for found in json.loads((folder / "response.json").read_text(encoding="utf-8"))
        ]

    def make(self, folder: Path, commands: Sequence[Sequence[object]]) -> list[Ended]:
        """Like `run`, where every command has to succeed."""
        ended = self.run(folder, commands)
        for words, found in zip(commands, ended, strict=True):
            if found.code:
                raise Failed(f"{' '.join(map(str, words))} ended with {found.code}: {found.errors[-1000:]}")
        return ended


def environment(*paths: Path) -> dict[str, str]:
    return (
        os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "CUDA_VISIBLE_DEVICES": ""}
    )
