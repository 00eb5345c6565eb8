"""What was measured of a video, in a file that is whole or not there: a killed run goes on from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..evaluation.metrics.results import key_of
from ..files import atomic
from .stages import STAGES, Values
from .stages.shot import landmarks_beside
from .stages.thresholds import Thresholds

SAMPLE = 1 << 20  # bytes of a file that are looked at in one place
DIGEST = 12  # last characters of a key, which tell the content
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
        """That of the folder, wherever the video was and whatever it was called when it was measured; a new one where
        its content, its landmarks or the way to find shots is another, and where the record is damaged."""
        key = identity(video)
        for path in [folder / f"{key}.json", *sorted(folder.glob(f"*{key[-DIGEST:]}.json"))]:
            if (found := cls._read(path)) is not None:
                found.video = str(video.absolute())
                return found
        return cls(str(video.absolute()), key)

    @classmethod
    def _read(cls, path: Path) -> VideoRecord | None:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            shots = [ShotRecord(**shot) for shot in held.pop("shots")]
            return cls(**held, shots=shots) if held["version"] == VERSION else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def save(self, folder: Path) -> None:
        path = folder / f"{self.key}.json"
        with atomic(path, path.with_name(f".{path.name}.part")) as part:
            part.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def name(self, index: int) -> str:
        """Of a shot, in manifest, overrides and pages."""
        return f"{self.key}-{index:03}"


def identity(video: Path) -> str:
    """A name for a video and the landmarks beside it, by what is in them."""
    beside = landmarks_beside(video)
    return key_of(video.stem, *(_content(file) for file in (video, beside) if file is not None))


def _content(path: Path) -> str:
    """The size of a file, and its beginning, middle and end: to read all of long footage takes longer than to use it.
    What is empty or cannot be read is told by its place."""
    seen = hashlib.sha256()
    try:
        if not (size := path.stat().st_size):
            return str(path.absolute())
        with path.open("rb") as file:
            for place in (0, (size - SAMPLE) // 2, size - SAMPLE):
                file.seek(max(0, place))
                seen.update(file.read(SAMPLE))
    except OSError:
        return str(path.absolute())
    return f"{size}:{seen.hexdigest()}"
