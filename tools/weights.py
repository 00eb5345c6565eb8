"""What the families' `weights.toml` say of their models and files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # not installed where it is not needed

PACK = Path(__file__).resolve().parents[1]
FAMILIES = PACK / "nodes" / "families"
NAME = "weights.toml"


@dataclass(frozen=True)
class File:
    name: str
    # The page's folder, without the name
    url: str
    # In ComfyUI/models
    folder: str
    what: str
    size: str
    licence: str = "its authors'"
    # Whether somebody has run it in this pack
    verified: bool = False

    @property
    def link(self) -> str:
        return f"{self.url}/{self.name}"

    @property
    def property(self) -> dict[str, str]:
        """As a node of a template holds it, for the front end's list of missing models."""
        return {"name": self.name, "url": self.link, "directory": self.folder}


@dataclass(frozen=True)
class Family:
    """A row of the guide to weights."""

    name: str
    size: str
    licence: str
    nodes: str
    # Frames per second of the footage that it edits at its own times: the slowest, the fastest
    rates: tuple[float, float] = (20.0, 30.0)


@dataclass(frozen=True)
class Model:
    """A row of the README. A file's name in braces stands for its link in `download`."""

    name: str
    quality: str
    memory: str
    time: str
    licence: str
    download: str


@dataclass(frozen=True)
class Weights:
    families: tuple[Family, ...]
    models: tuple[Model, ...]
    files: dict[str, File]

    def linked(self, text: str) -> str:
        return re.sub(r"\{([^}]+)\}", lambda name: self.files[name[1]].link, text)


def read_weights(folder: Path = FAMILIES) -> Weights:
    """Of all families in their folders' order; the files that they share come last."""
    paths = [*sorted(folder.glob(f"*/{NAME}")), *folder.glob(NAME)]
    read = [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]
    files = [File(**entry) for stated in read for entry in stated.get("file", ())]
    return Weights(
        tuple(Family(**entry) for stated in read for entry in stated.get("family", ())),
        tuple(Model(**entry) for stated in read for entry in stated.get("model", ())),
        {file.name: file for file in files},
    )
