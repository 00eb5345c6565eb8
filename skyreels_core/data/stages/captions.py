"""What is seen, in words, by a command of the user's."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ...errors import first_words
from ...media.writing import write_video
from .shot import Shot
from .stage import Rule, Ruled, Tools, Values
from .thresholds import Section

CLIP = "{clip}"


class Captions(Ruled):
    name: ClassVar = "captions"
    version: ClassVar = 1
    columns: ClassVar[Mapping[str, type]] = {"caption": str, "words": float, "failed": str}
    rules: ClassVar[Sequence[Rule]] = (Rule("words", "least_words", "a short caption"),)

    def uses(self, tools: Tools) -> Sequence[Path | str | None]:
        return [tools.sections[self.name]["command"]]

    def measure(self, shot: Shot, tools: Tools) -> Values:
        section = tools.sections[self.name]
        if not section["command"]:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "shot.mp4"
            if CLIP in section["command"]:
                write_video(clip, shot.stream(), shot.fps, shot.audio)
            return asked(words_of(section["command"], shot, clip), section["seconds"])

    def refuse(self, values: Values, section: Section) -> Sequence[str]:
        failed = values.get("failed")
        return [*super().refuse(values, section), *([f"no caption: {failed}"] if failed else [])]


def words_of(command: str, shot: Shot, clip: Path) -> list[str]:
    """The words of the command, as a shell would split them; no shell runs it."""
    places = {
        CLIP: str(clip), "{video}": str(shot.recording.path), "{start}": f"{shot.start:.3f}",
        "{end}": f"{shot.start + shot.seconds:.3f}",
    }  # fmt: skip
    words = shlex.split(command)
    for mark, value in places.items():
        words = [word.replace(mark, value) for word in words]
    return words


def asked(words: list[str], seconds: float) -> Values:
    try:
        ran = subprocess.run(words, capture_output=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip()[-200:]
        return {"failed": first_words(error) + (f": {said}" if said else "")}
    caption = " ".join(ran.stdout.decode("utf-8", "replace").split())
    return {"caption": caption, "words": float(len(caption.split()))}
