"""How a run of a model is watched, cancelled and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..pipeline.frames import Result
from ..pipeline.run import Progress
from ..run.resume import WorkFolder
from .inputs import File
from .video import Cancel, Video, checking


@dataclass(frozen=True)
class Control:
    """How a run is watched, cancelled and resumed."""

    progress: Progress | None = None
    cancel: Cancel | None = None
    work: File | WorkFolder | None = None
    restart: bool = False

    def run(self, make: Callable[..., Result]) -> Video:
        """`pipeline.animate` or `pipeline.edit`, told the inputs already."""
        with self.opened() as folder:
            result = make(progress=self.progress, check_cancel=checking(self.cancel), work=folder)
        return Video(result, folder, folder is not self.work)

    @contextmanager
    def opened(self) -> Iterator[WorkFolder | None]:
        """The work folder, for the video to end it; where the run fails it is let go, and resumes from there."""
        if self.work is None or isinstance(self.work, WorkFolder):
            yield self.work
            return
        folder = WorkFolder(Path(self.work), "restart" if self.restart else "resume")
        try:
            yield folder
        except BaseException as error:
            folder.__exit__(type(error), error, error.__traceback__)
            raise
