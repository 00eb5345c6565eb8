"""Tests against a real ComfyUI: its source tree and the interpreter that it runs in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]
HOW_TO_RUN = "no ComfyUI found: set COMFYUI_PATH to its folder and COMFYUI_PYTHON to its interpreter"


def find_host() -> Path | None:
    """COMFYUI_PATH, else the host that this pack lies in, else its usual folder."""
    if named := os.environ.get("COMFYUI_PATH"):
        return Path(named)
    enclosing = [PACK.parents[1]] if PACK.parent.name == "custom_nodes" else []
    places = [*enclosing, Path.home() / "comfy" / "ComfyUI"]
    return next((place for place in places if (place / "comfy" / "sd.py").is_file()), None)


@pytest.fixture(scope="session")
def run_in_host() -> Callable[..., None]:
    """Run a script of this folder in the host's interpreter, with the host's modules importable."""
    host = find_host()
    if host is None:
        pytest.skip(HOW_TO_RUN)
    interpreter = os.environ.get("COMFYUI_PYTHON", sys.executable)

    def run(script: str, *arguments: str | Path) -> None:
        command = [interpreter, str(Path(__file__).parent / script), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(host)}
        result = subprocess.run(command, cwd=host, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr

    return run
