"""The files that the registry packs: all that git tracks, without what .comfyignore names."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest
from sources import PACK


@cache
def tracked() -> frozenset[Path]:
    """Relative to the pack; the test is skipped where it is no checkout."""
    try:
        listed = subprocess.run(["git", "-C", str(PACK), "ls-files", "-z"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a checkout: the registry packs what git tracks")
    names = listed.stdout.decode().split("\0")
    return frozenset(Path(name) for name in names if name and (PACK / name).is_file())


def patterns() -> list[str]:
    lines = (PACK / ".comfyignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def archived() -> frozenset[Path]:
    return frozenset(file for file in tracked() if not any(names(pattern, file) for pattern in patterns()))


def names(pattern: str, file: Path) -> bool:
    """Whether a pattern of the root, `/folder/` or `/file`, names this one."""
    path = f"/{file.as_posix()}"
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern
