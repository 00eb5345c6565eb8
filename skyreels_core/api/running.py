"""What every run of a model takes beside its inputs: how it is sampled, watched, cancelled and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ..pipeline.frames import Result
from ..pipeline.run import Progress
from ..run.plan import RunPlan
from ..run.resume import WorkFolder
from .inputs import File
from .options import Options
from .video import Cancel, Video, checking

Method = TypeVar("Method", bound=Callable)

HERE = "            {shared}\n"  # in the documentation of a method
SHARED = """\
            voice: an audio or video file, what `read_audio` gives, or (samples [c n] in -1..1, rate in Hz).
            prompt: a text, or texts by the seconds from which they hold, such as {0: "a person smiles", 12.5: "a person
                frowns"}.
            progress: called as (stage, done, planned, detail); stages are "conditions", "sampling" and "decoding",
                before them "faces" where these are looked for.
            cancel: called between forward passes of the model and between frames; if it returns True, `Cancelled` is
                raised.
            work: a folder in which the run keeps its state after each step. The same call resumes an interrupted run
                there, to the same bytes; `Video.save` removes it.
            restart: True: discard what is in `work`.
            plan: of `pipeline.planning`, where the run was planned before the model was loaded; the options then say
                nothing.
            options: as listed in `help(skyreels_core.Model)`.

        It returns when the latents are sampled. Raises InputError for what cannot be used: it says what was given, what
        is needed, and how to fix it.
"""


class RunOptions(Options, total=False):
    """The keyword arguments that `Model.animate` and `Model.edit` share."""

    progress: Progress | None
    cancel: Cancel | None
    work: File | WorkFolder | None
    restart: bool
    plan: RunPlan | None


def with_shared_arguments(method: Method) -> Method:
    """The method, which documents what every run takes where its own documentation says so."""
    if method.__doc__ is not None:  # python -OO
        method.__doc__ = method.__doc__.replace(HERE, SHARED)
    return method


@dataclass(frozen=True)
class Control:
    """How a run is watched, cancelled and resumed."""

    progress: Progress | None = None
    cancel: Cancel | None = None
    work: File | WorkFolder | None = None
    restart: bool = False
    plan: RunPlan | None = None

    @classmethod
    def split(cls, given: Mapping[str, Any]) -> tuple[Control, dict[str, Any]]:
        """What is given for it, and the other options."""
        own = {field.name for field in fields(cls)}
        control = cls(**{name: value for name, value in given.items() if name in own})
        return control, {name: value for name, value in given.items() if name not in own}

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
