"""What was measured of a video, in a file that is whole or not there: a killed run goes on from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..evaluation.metrics.results import key_of, stamp
from ..files import atomic
from .stages import STAGES, Values
from .stages.shot import landmarks_beside
from .stages.thresholds import Thresholds

VERSION = 1  # of the way in which shots are found


@dataclass
class ShotRecord:
    """stages: what each has measured, with its version and what it used, as far as the shot came."""

    first: int
    frames: int
    start: float  # seconds
    end: float
    stages: dict[str, Values] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def measured(self, stage: str, state: str) -> bool:
        """What failed, or had no command yet, is tried again."""
        values = self.stages.get(stage)
        return bool(values) and not values.get("failed") and self.versions.get(stage) == state

    def reasons(self, thresholds: Thresholds) -> dict[str, tuple[str, ...]]:
        """Why each stage refuses it, for those that have measured it; an empty one keeps it."""
        found = [stage for stage in STAGES if stage.name in self.stages]
        return {one.name: tuple(one.refuse(self.stages[one.name], thresholds[one.name])) for one in found}


@dataclass
class VideoRecord:
    video: str
    key: str
    error: str = ""  # why it could not be read
    shots: list[ShotRecord] = field(default_factory=list)
    complete: bool = False  # all shots are known
    version: int = VERSION

    @classmethod
    def load(cls, video: Path, folder: Path) -> VideoRecord:
        """That of the folder, or a new one where the file or the way to find shots is another."""
        beside = landmarks_beside(video)
        key = key_of(video.stem, stamp(video), *([stamp(beside)] if beside else []))
        path = folder / f"{key}.json"
        if path.is_file():
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["version"] == VERSION:
                shots = [ShotRecord(**shot) for shot in held.pop("shots")]
                return cls(**held, shots=shots)
        return cls(str(video.absolute()), key)

    def save(self, folder: Path) -> None:
        path = folder / f"{self.key}.json"
        with atomic(path, path.with_name(f".{path.name}.part")) as part:
            part.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def name(self, index: int) -> str:
        """Of a shot, in manifest, overrides and pages."""
        return f"{self.key}-{index:03}"
