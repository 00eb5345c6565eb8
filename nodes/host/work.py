"""What a run in the host would lose is kept beside its outputs: the same graph resumes from it after a crash or a
cancel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import folder_paths
from torch import Tensor

from ...skyreels_core.errors import InputError
from ...skyreels_core.run.resume import Resumable, TensorFolder, WorkFolder, digest
from ...skyreels_core.sampling.denoise import Denoiser
from ...skyreels_core.sampling.solvers import SolverState

logger = logging.getLogger(__name__)

ROOT = "skyreels-audio-work"
KEPT = 3  # runs beside the current one; the oldest goes first
FINISHED = "finished"
CONDITIONS = "conditions"


def work_root() -> Path:
    return Path(folder_paths.get_output_directory()) / ROOT


@contextmanager
def run_folder(inputs: Mapping[str, str] | None) -> Iterator[WorkFolder | None]:
    """The folder of the run with these inputs; None without any, and, with a warning, where no state can be kept: no
    run must fail for it."""
    if inputs is None:
        yield None
        return
    try:
        work = _open(inputs)
    except (InputError, OSError) as error:
        logger.warning("The state of this run is not saved, so it cannot be resumed: %s", error)
        yield None
        return
    with work:
        yield work


def _open(inputs: Mapping[str, str]) -> WorkFolder:
    name = digest(*(f"{what}: {value}" for what, value in sorted(inputs.items())))
    path, old = _place(work_root(), name)
    for folder in old:
        forget(folder)
    work = WorkFolder(path, "resume")
    try:
        try:
            work.begin(inputs)
        except InputError as error:  # damaged on the disk: what it was cannot be known
            logger.warning("%s", error)
            work.discard()
            work.begin(inputs)
    except (InputError, OSError):  # a disk that is full
        work.release()
        raise
    return work


def _place(root: Path, name: str) -> tuple[Path, list[Path]]:
    """Where something with this name is, or is to be, and what is old enough to go. Folders are numbered in the order
    in which they were made, as a clock may jump."""
    folders = sorted(folder for folder in root.glob("*-*") if folder.name.split("-")[0].isdecimal())
    last = int(folders[-1].name.split("-")[0]) if folders else 0
    path = next((folder for folder in folders if folder.name.endswith(name[:16])), None)
    return path or root / f"{last + 1:06d}-{name[:16]}", [other for other in folders if other != path][:-KEPT]


def conditions_folder(name: str) -> TensorFolder:
    """Encoded windows by `VisualCondition.key` in files, for more of them than memory should hold; a restart finds
    them."""
    path, old = _place(work_root() / CONDITIONS, name)
    for folder in old:
        TensorFolder(folder).clear()
        with suppress(OSError):
            folder.rmdir()
    path.mkdir(parents=True, exist_ok=True)
    return TensorFolder(path)


def forget(folder: Path) -> None:
    """Remove what was kept, unless another process is at it."""
    with suppress(InputError, OSError):
        WorkFolder(folder, "restart").finish()


def resumed(
    work: WorkFolder, denoiser: Denoiser, sigmas: Sequence[float], x: Tensor
) -> tuple[Tensor | SolverState, Callable[[SolverState], None]]:
    """The state that was kept, or x, and what saves the next ones."""
    resumable = Resumable(work, denoiser, sigmas)
    try:
        return resumable.begin(x), resumable.save
    except InputError as error:  # damaged on the disk: the run begins again
        logger.warning("%s", error)
        denoiser.reset()
        return x, resumable.save


def finished_latents(work: WorkFolder) -> Tensor | None:
    """What a run that came to its end kept."""
    try:
        saved = work.load()
    except InputError:  # `resumed` says so
        return None
    return None if saved is None else saved[0].get(FINISHED)


def keep_finished(work: WorkFolder, latents: Tensor) -> None:
    try:
        work.save({FINISHED: latents}, {})
    except InputError as error:
        logger.warning("%s", error)
