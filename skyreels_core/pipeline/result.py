"""What was made and what it took."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from ..evaluation.continuity import Continuity
from ..evaluation.edits import EditFindings
from ..run.plan import RunPlan

logger = logging.getLogger(__name__)


@dataclass
class Report:
    """What was made and what it took; decoding adds its share while the frames are read."""

    plan: RunPlan
    planned: int = 0  # forwards of the network
    computed: int = 0
    reused: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # per stage
    lines: list[str] = field(default_factory=list)  # what was changed or decided, for the user
    edit: EditFindings | None = None  # what a pinned edit did around its region; once the frames were read
    continuity: Continuity | None = None  # what the finished frames are like; once they were read

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the model worked at, pixels."""
        return self.plan.size

    @property
    def frames(self) -> int:
        return self.plan.finished.frames

    @property
    def fps(self) -> float:
        return self.plan.finished.fps

    @property
    def windows(self) -> int:
        return len(self.plan.windows.windows)

    def say(self, line: str) -> None:
        self.lines.append(line)
        logger.info(line)

    def say_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.say(line)

    def found(
        self, continuity: Continuity, edit: EditFindings | None = None, details: Iterable[str] = ()
    ) -> None:
        """What the finished frames are like. Said once, though they may be read again."""
        if self.continuity is not None:
            return
        self.continuity, self.edit = continuity, edit
        self.say_all((*details, str(continuity), *([] if edit is None else [str(edit)])))

    def summary(self) -> str:
        """What was made and what it took, in one line."""
        seconds = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.seconds.items())
        return (
            f"{self.frames} frames at {self.fps:g} fps, generated at {self.size[0]}x{self.size[1]} with "
            f"{self.computed} forward passes ({self.reused} reused): {seconds}."
        )

    def __str__(self) -> str:
        return "\n".join([self.summary(), *self.lines])

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def timed(self, name: str, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        """The same frames; the time that making them takes counts, that of their reader does not."""
        iterator = iter(frames)
        while True:
            with self.stage(name):
                frame = next(iterator, None)
            if frame is None:
                return
            yield frame
