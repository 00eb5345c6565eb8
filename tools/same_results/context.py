"""What a probe works with: a tree, its place on the disk, and what the old tree left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .findings import Findings
from .host import Host
from .media import Inputs
from .trees import Tree


@dataclass(frozen=True)
class Context:
    tree: Tree
    inputs: Inputs
    folder: Path  # of this probe in this tree
    before: Path  # the same of the old tree; its own folder where this is the old one
    old: Tree
    open_host: Callable[[], Host]

    @property
    def is_old(self) -> bool:
        return self.folder == self.before


@dataclass(frozen=True)
class Probe:
    what: str
    run: Callable[[Context], Findings]
    needs_host: bool = False
