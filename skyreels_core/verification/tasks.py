"""The fixed jobs: one animation and one dub for each family, with a fixed seed and bundled inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import assets
from ..errors import InputError
from ..queueing.client import Prompt

JOBS = Path(__file__).parent / "jobs"


@dataclass(frozen=True)
class Task:
    """family: a folder of nodes/families, or "demo"; kind: animation or dub; people, voice: as the node Demo Inputs
    names them, "" for the drawn face; needs: weights files and their folders in ComfyUI/models."""

    family: str
    kind: str
    people: str
    voice: str
    needs: dict[str, str]
    prompt: Prompt

    @property
    def name(self) -> str:
        return f"{self.family} {self.kind}"

    @cached_property
    def person(self) -> assets.Person:
        return assets.people()[self.people] if self.people else assets.drawn_face()

    @property
    def recording(self) -> Path:
        """The voice that the mouth is to follow."""
        return assets.people_voice(self.voice) if self.people else assets.voice(int(self.voice.split()[-1]))


def read_task(path: Path) -> Task:
    stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Task(**stated)


def tasks(families: Iterable[str] = ()) -> list[Task]:
    """Those of the families, or all but the demo's. Raises InputError for a family that has none."""
    known = [read_task(path) for path in sorted(JOBS.glob("*.json"))]
    names = list(dict.fromkeys(task.family for task in known))
    for family in families:
        if family not in names:
            raise InputError(f"There are no jobs of the family '{family}'; choose from {', '.join(names)}.")
    wanted: Sequence[str] = list(families) or [name for name in names if name != "demo"]
    return [task for task in known if task.family in wanted]
