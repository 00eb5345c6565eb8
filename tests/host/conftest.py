"""Tests against a real ComfyUI: its source tree and the interpreter that it runs in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from host_server import HostServer

PACK = Path(__file__).resolve().parents[2]
HOW_TO_RUN = "no ComfyUI found: set COMFYUI_PATH to its folder and COMFYUI_PYTHON to its interpreter"


def find_host() -> Path | None:
    """COMFYUI_PATH, else the host that this pack lies in, else its usual folder."""
    if named := os.environ.get("COMFYUI_PATH"):
        return Path(named)
    enclosing = [PACK.parents[1]] if PACK.parent.name == "custom_nodes" else []
    places = [*enclosing, Path.home() / "comfy" / "ComfyUI"]
    return next((place for place in places if (place / "comfy" / "sd.py").is_file()), None)


def find_interpreter(folder: Path) -> str | None:
    """COMFYUI_PYTHON, else the first of the host's own environments and this one that has the host's packages."""
    if named := os.environ.get("COMFYUI_PYTHON"):
        return named
    own = [
        folder / name / part for name in (".venv", "venv") for part in ("bin/python", "Scripts/python.exe")
    ]
    there = [str(path) for path in own if path.is_file()]
    probe = ["-c", "import aiohttp, comfyui_frontend_package, torch"]
    quiet = {"stderr": subprocess.DEVNULL}
    return next((it for it in (*there, sys.executable) if not subprocess.call([it, *probe], **quiet)), None)


@pytest.fixture(scope="session")
def comfyui() -> tuple[Path, str]:
    """The host's folder and its interpreter."""
    if (folder := find_host()) is None:
        pytest.skip(HOW_TO_RUN)
    if (interpreter := find_interpreter(folder)) is None:
        pytest.skip(f"no interpreter with the packages of {folder} found: set COMFYUI_PYTHON to it")
    return folder, interpreter


@pytest.fixture(scope="session")
def run_in_host(comfyui) -> Callable[..., None]:
    """Run a script of this folder in the host's interpreter, with the host's modules importable."""
    folder, interpreter = comfyui

    def run(script: str, *arguments: str | Path) -> None:
        command = [interpreter, str(Path(__file__).parent / script), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(folder)}
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr

    return run


@pytest.fixture(scope="session")
def start_server(comfyui, tmp_path_factory) -> Iterator[Callable[..., HostServer]]:
    """Start one more ComfyUI, with options of its own. A start takes about 20 s."""
    servers = []

    def start(*options: str) -> HostServer:
        servers.append(HostServer(*comfyui, tmp_path_factory.mktemp("comfyui"), *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def server(start_server) -> HostServer:
    """The ComfyUI that all tests share, with the pack in it."""
    return start_server()
