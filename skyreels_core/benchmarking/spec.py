"""A benchmark as its file states it: inputs, how they combine, settings, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..conditioning.faces import Faces, Gaps

OWN, NEXT = "own", "next"
ROPE = "audio_rope"  # a field of `model` beside those of `skyreels_core.load`

Task = Literal["animate", "edit"]


@dataclass(frozen=True)
class Combine:
    """How the lists of inputs become combinations. `zip`: the first of each, the second of each, ..., as many as the
    longest list has; shorter ones start again. `product`: each with each. `sample`: so many of the product, drawn with
    a seed."""

    how: Literal["zip", "product", "sample"] = "zip"
    count: int = 0
    seed: int = 0

    def __str__(self) -> str:
        return f"sample of {self.count}, seed {self.seed}" if self.how == "sample" else self.how


@dataclass(frozen=True)
class Inputs:
    """shown: portraits, or the clips of an edit; a video is animated from its first frame. drawn: instead of them, so
    many drawn faces. voices: files, or `own`: the sound of the portrait's or clip's own video, or `next`: that of the
    one that follows in the list. prompts: texts, or `own`: NAME.txt beside the portrait."""

    shown: tuple[Path, ...]
    drawn: int
    voices: tuple[Path, ...] | Literal["own", "next"]
    pieces: float | None  # seconds that voices are cut into
    prompts: tuple[str, ...] | Literal["own"]
    seeds: tuple[int, ...]
    combine: Combine


@dataclass(frozen=True)
class Region:
    """What an edit regenerates. masks, keypoints: `own` for NAME.png or NAME.json beside the clip, or a path; keypoints
    of portraits tell the metric `mouth` where the mouth is."""

    masks: Path | None = None
    keypoints: Path | None = None
    dwpose: Path | None = None
    yunet: Path | None = None
    face: Faces = "largest"
    gaps: Gaps = "pass_through"


@dataclass(frozen=True)
class Server:
    """A ComfyUI server instead of a model. inputs: by role, the NODE.INPUT of the workflow that takes it."""

    url: str
    workflow: Path
    inputs: Mapping[str, str]
    wait: float  # seconds that it may be away


@dataclass(frozen=True)
class Setting:
    """A row of the table. options: of the front door, or NODE.INPUT of the server's workflow."""

    name: str
    options: Mapping[str, Any]
    model: Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    file: Path
    title: str
    about: str
    task: Task
    base: Path  # of relative paths
    inputs: Inputs
    region: Region
    settings: tuple[Setting, ...]
    baseline: str | None
    metrics: tuple[str, ...]
    columns: tuple[str, ...]  # figures of the table; none: all
    weights: tuple[Path, ...]
    references: tuple[Path, ...]  # videos that FID and FVD compare with
    save: Mapping[str, Any] = field(default_factory=dict)
    server: Server | None = None

    @property
    def name(self) -> str:
        return self.file.stem
