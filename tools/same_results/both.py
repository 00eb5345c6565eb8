"""Two trees side by side: what the old one gave is kept, each has one ComfyUI."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from .context import Context, Probe
from .findings import Findings, Row, compare, load, save
from .host import ComfyUI, Host
from .media import write_inputs
from .trees import Failed, Tree

DECIDING = ("torch", "av", "numpy", "transformers", "soxr")  # packages that results depend on


class Both:
    def __init__(self, old: Tree, new: Tree, cache: Path, comfyui: ComfyUI | None):
        self.old, self.new, self.comfyui = old, new, comfyui
        commit = old.commit
        self.before = cache / (f"{commit[:12]}-{circumstances(comfyui)}" if commit else "uncommitted")
        if commit is None:
            shutil.rmtree(self.before, ignore_errors=True)
        self.now = cache / f"now-{hashlib.sha256(str(new.path).encode()).hexdigest()[:8]}"
        shutil.rmtree(self.now, ignore_errors=True)
        self.inputs = write_inputs(old, self.before / "inputs")
        self.hosts: dict[Path, Host] = {}  # by the folder around its base directory

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *error: object) -> None:
        for host in self.hosts.values():
            host.close()

    def rows(self, name: str, probe: Probe) -> list[Row]:
        return list(compare(self.of_old(name, probe), self.run(name, probe, self.new, self.now)))

    def of_old(self, name: str, probe: Probe) -> Findings:
        folder = self.before / name
        if (kept := load(folder) if folder.is_dir() else None) is not None:
            return kept
        found = self.run(name, probe, self.old, self.before)
        save(found, folder)
        return found

    def run(self, name: str, probe: Probe, tree: Tree, place: Path) -> Findings:
        folder, before = place / name, self.before / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        context = Context(tree, self.inputs, folder, before, self.old, lambda: self.host(tree, place))
        try:
            return probe.run(context)
        except Failed as error:
            raise Failed(f"In {tree.path}: {error}") from error

    def host(self, tree: Tree, place: Path) -> Host:
        if self.comfyui is None:
            raise Failed("A ComfyUI is needed: give its folder and its interpreter.")
        if place not in self.hosts:
            self.comfyui.write_models(self.old, self.before / "models")
            base = place / "comfyui"
            self.hosts[place] = Host(self.comfyui, tree, base, self.before / "models", self.inputs.folder)
        return self.hosts[place]


def circumstances(comfyui: ComfyUI | None) -> str:
    """What else decides over results: this machine, its packages, the host, and the probes themselves."""
    versions = [f"{name} {version(name)}" for name in DECIDING]
    host = None if comfyui is None else (comfyui.folder, comfyui.interpreter)
    whole = hashlib.sha256(repr((platform.node(), sys.version, versions, host)).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]
