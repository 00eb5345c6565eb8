"""ComfyUI's own Wan, bare and with layers of this pack; needs COMFYUI_PATH, and COMFYUI_PYTHON for its interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .sizes import Sizes

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests" / "host"


def host(sizes: Sizes) -> dict[str, Any]:
    if "COMFYUI_PATH" not in os.environ:
        return {"failed": "COMFYUI_PATH names no ComfyUI"}
    folder = os.environ["COMFYUI_PATH"]
    interpreter = os.environ.get("COMFYUI_PYTHON", sys.executable)
    toy = sizes.device.type != "cuda"
    ran = subprocess.run(
        [interpreter, str(HERE / "part_in_host.py"), *(["--cpu"] if toy else [])],
        cwd=folder, env=os.environ | {"PYTHONPATH": os.pathsep.join([folder, str(TESTS)])},
        capture_output=True, text=True,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError((ran.stderr.strip().splitlines() or ["the host gave no reason"])[-1])
    return json.loads(ran.stdout.splitlines()[-1])
