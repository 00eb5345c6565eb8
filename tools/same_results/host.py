"""A ComfyUI with one tree as its node pack, in a base folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from .findings import Findings, Refusal
from .media import decoded
from .trees import Failed, Tree, environment

PACK = "skyreels-audio"
WORK = "skyreels-audio-work"  # in the output folder, of runs that keep their state
OPTIONS = ("--cpu", "--disable-api-nodes", "--preview-method", "none", "--database-url", "sqlite:///:memory:")
PATIENCE = 600  # seconds, for a start and for a prompt
MODELS = {  # by the folder in which ComfyUI looks
    "diffusion_models": ("humo.safetensors", "wan.safetensors", "v3.safetensors"),
    "model_patches": ("infinitetalk.safetensors",),
    "audio_encoders": ("wav2vec.safetensors",),
}
WRITE_MODELS = """
import sys
from pathlib import Path
tests, folder = sys.argv[1:]
sys.path.insert(0, tests)
from pack_in_host import load_pack
load_pack()
from families import write_files
write_files(Path(folder))
"""

Prompt = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class ComfyUI:
    folder: Path
    interpreter: str

    def write_models(self, old: Tree, folder: Path) -> None:
        """Tiny random models of every family, by what the old tree's tests write. Both trees load the same files."""
        if (folder / "wav2vec.safetensors").is_file():  # the last one
            return
        folder.mkdir(parents=True, exist_ok=True)
        command = [self.interpreter, "-c", WRITE_MODELS, str(old.file("families.py").parent), str(folder)]
        ended = subprocess.run(
            command, cwd=self.folder, env=environment(self.folder), capture_output=True, text=True
        )
        if ended.returncode:
            raise Failed(f"No tiny models could be written: {ended.stderr[-1500:]}")


class Host:
    """A running server. `folder` is its base directory."""

    def __init__(self, comfyui: ComfyUI, tree: Tree, folder: Path, models: Path, inputs: Path):
        self.folder, self.output = folder, folder / "output"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "custom_nodes").mkdir(parents=True)
        (folder / "custom_nodes" / PACK).symlink_to(tree.path, target_is_directory=True)
        shutil.copy(tree.file("humo_files.py"), folder / "custom_nodes")
        shutil.copytree(inputs, folder / "input")
        for kind, names in MODELS.items():
            (folder / "models" / kind).mkdir(parents=True)
            for name in names:
                (folder / "models" / kind / name).symlink_to(models / name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        command = [comfyui.interpreter, str(comfyui.folder / "main.py"), "--base-directory", str(folder)]
        with (folder / "comfyui.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port", self.url.rpartition(":")[2], *OPTIONS],
                cwd=folder, env=environment(), stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                self.ask("/system_stats")
                return
            except urllib.error.URLError:
                time.sleep(0.2)
        self.close()
        raise Failed(f"ComfyUI did not start: {(self.folder / 'comfyui.log').read_text()[-2000:]}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def queue(self, prompt: Prompt) -> str:
        try:
            return self.ask("/prompt", {"prompt": prompt})["prompt_id"]
        except urllib.error.HTTPError as error:
            raise Failed(f"ComfyUI refuses a graph: {error.read().decode()[:1500]}") from error

    def wait(self, prompt_id: str) -> dict[str, Any]:
        """The history of a prompt, once it has ended in any way."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise Failed(f"ComfyUI ended: {(self.folder / 'comfyui.log').read_text()[-2000:]}")
            if ended := self.ask(f"/history/{prompt_id}").get(prompt_id):
                return ended
            time.sleep(0.05)
        raise Failed(f"A prompt has not ended after {PATIENCE} s.")

    def made(self, name: str, prompt: Prompt, may_refuse: bool = False) -> Findings:
        """Latents, frames and files of all that a graph saved."""
        ended = self.wait(self.queue(prompt))
        if not ended["status"]["completed"]:
            kind, message = ended["status"]["messages"][-1]
            sentence = str(message.get("exception_message", kind)).strip()
            if may_refuse:
                return {name: Refusal(sentence)}
            raise Failed(f"{name}: {message.get('node_type')} ended with: {sentence}")
        found: Findings = {}
        for node, outputs in ended["outputs"].items():
            files = [self.place(file) for kind in ("latents", "images") for file in outputs.get(kind, ())]
            found |= read(f"{name}/{node}", files)
        return found

    def place(self, file: dict[str, str]) -> Path:
        return self.folder / file.get("type", "output") / file["subfolder"] / file["filename"]

    def nodes(self) -> dict[str, Any]:
        """What it tells about the pack's nodes."""
        everything = self.ask("/object_info")
        return {
            key: node for key, node in everything.items() if node["python_module"] == f"custom_nodes.{PACK}"
        }


def read(name: str, files: list[Path]) -> Findings:
    """What one node saved: a latent, a video, or pictures."""
    if files and files[0].suffix == ".png":
        return {name: np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files])}
    found: Findings = {}
    for path in files:
        latent = path.suffix == ".latent"
        found |= {name: load_file(path)["latent_tensor"]} if latent else decoded(name, path)
    return found


def from_environment() -> ComfyUI | None:
    if "COMFYUI_PATH" not in os.environ or "COMFYUI_PYTHON" not in os.environ:
        return None
    return ComfyUI(Path(os.environ["COMFYUI_PATH"]), os.environ["COMFYUI_PYTHON"])
