"""How a run of a model is watched, cancelled and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..pipeline.frames import Result
from ..pipeline.run import Progress
from ..run.plan import RunPlan, Task
from ..run.resume import WorkFolder
from .inputs import File, path_of
from .options import described
from .origin import OriginOf
from .video import Cancel, Video, check_watchers, checking


@dataclass(frozen=True)
class Control:
    """How a run is watched, cancelled and resumed."""

    progress: Progress | None = None
    cancel: Cancel | None = None
    work: File | WorkFolder | None = None
    restart: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for what is of another kind."""
        check_watchers(self.progress, self.cancel)
        if not isinstance(self.restart, bool):
            raise InputError(f"restart is {described(self.restart)}; give True or False.")
        if not isinstance(self.work, WorkFolder):
            path_of(self.work, "work")
            if self.restart and self.work is None:
                raise InputError(
                    "restart=True discards the run state in a folder, and none is given. Name it with work=, or leave "
                    "restart out."
                )
        elif self.restart:
            raise InputError(
                "restart=True came with a WorkFolder, which is open already. Give work as a path, or "
                'WorkFolder(path, "restart") alone.'
            )

    def run(self, make: Callable[..., Result], origin: OriginOf) -> Video:
        """`pipeline.animate` or `pipeline.edit`, told the inputs already; `origin` says what they are."""
        with self.opened() as folder:
            result = make(progress=self.progress, check_cancel=checking(self.cancel), work=folder)
        return Video(result, folder, folder is not self.work, origin)

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


def check_plan(plan: RunPlan | None, task: Task) -> None:
    if plan is not None and not (isinstance(plan, RunPlan) and plan.task == task):
        given = f"that of an {plan.task}" if isinstance(plan, RunPlan) else described(plan)
        function = "plan_animation" if task == "animation" else "plan_edit"
        raise InputError(f"The plan is {given}; give what pipeline.planning.{function} returns, or None.")
