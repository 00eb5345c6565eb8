"""A ComfyUI of its own for tests: the real program, in a fresh base directory."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from skyreels_core.queueing.client import Client, Prompt, Unreachable

PACK = Path(__file__).resolve().parents[2]
MODEL_FOLDERS = (
    *("diffusion_models", "vae", "text_encoders", "clip_vision", "loras"),
    *("audio_encoders", "model_patches", "detection"),
)
OPTIONS = ("--cpu", "--disable-api-nodes", "--database-url", "sqlite:///:memory:")
# Seconds that a busy machine may need.
START, RUN = 600, 1200


class HostServer:
    """`folder` is the base directory, with `input`, `output`, `models` and the pack in custom_nodes."""

    def __init__(self, host: Path, interpreter: str, folder: Path, *options: str):
        self.folder = folder
        self.input, self.output, self.models = (folder / name for name in ("input", "output", "models"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self.command = [
            interpreter, str(host / "main.py"), "--base-directory", str(folder), "--port", str(self.port),
            "--preview-method", "latent2rgb", *OPTIONS, *options,
        ]  # fmt: skip
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        for folder in (self.input, self.output, *(self.models / name for name in MODEL_FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
        link_pack(self.folder / "custom_nodes" / "skyreels-audio")
        shutil.copy(Path(__file__).with_name("steps_node.py"), self.folder / "custom_nodes")
        environment = {"OMP_NUM_THREADS": "1"} | os.environ
        with (self.folder / "comfyui.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.client.version()
                return
            except Unreachable:
                time.sleep(0.3)
        self.kill()
        raise AssertionError(f"ComfyUI did not start:\n{self.log[-4000:]}")

    def kill(self) -> None:
        """As a crash does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def run(self, prompt: Prompt, seconds: float = RUN) -> dict[str, Any]:
        """The history entry of a prompt that was queued and has ended; `status` tells how."""
        prompt_id = self.client.queue(prompt)["prompt_id"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ended := self.client.history(prompt_id):
                return ended
            time.sleep(0.1)
        raise AssertionError(f"the prompt has not ended after {seconds} s:\n{self.log[-4000:]}")

    @property
    def log(self) -> str:
        """All that it has printed since its first start."""
        return (self.folder / "comfyui.log").read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def rss(self) -> int:
        """Bytes of memory that it holds now."""
        return psutil.Process(self.pid).memory_info().rss


def link_pack(place: Path) -> None:
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(PACK, target_is_directory=True)
    except OSError:  # Windows without the right to make links
        shutil.copytree(PACK, place, ignore=shutil.ignore_patterns(".*", "tests", "benchmarks", "tools"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
