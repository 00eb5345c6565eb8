"""A ComfyUI that has this pack installed, for the makers and the benchmarks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.host.host_server import HostServer


@contextmanager
def open_host(*options: str) -> Iterator[HostServer]:
    """The ComfyUI in COMFYUI_PATH, run by COMFYUI_PYTHON with command-line options of its own."""
    if "COMFYUI_PATH" not in os.environ:
        sys.exit("Set COMFYUI_PATH to ComfyUI's folder and COMFYUI_PYTHON to its interpreter.")
    interpreter = os.environ.get("COMFYUI_PYTHON", sys.executable)
    with TemporaryDirectory() as folder:
        server = HostServer(Path(os.environ["COMFYUI_PATH"]), interpreter, Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.kill()
