"""The whole funnel: videos in, a manifest, a page and a list of clips out. What was measured before stays measured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..api.evaluation import VIDEOS, files_in
from ..errors import InputError
from ..evaluation.metrics.weights import Weights
from .decisions import OVERRIDES, Decided, Override, decide, read_overrides
from .export import export
from .funnel import BAD, BadCases, Level, ask, levels, read_bad_cases
from .manifest import MANIFEST, check_arrow, write_manifest
from .measuring import Job, measure, measure_with_ray
from .page import write_page
from .record import DIGEST, VideoRecord, identity
from .stages.thresholds import Thresholds

log = logging.getLogger(__name__)

RECORDS, LOCK = "measured", ".lock"

Progress = Callable[[str, int, int, str], None]  # stage, videos done, of how many, which; may raise to cancel


@dataclass(frozen=True)
class Collected:
    shots: tuple[Decided, ...]
    bad: BadCases

    @property
    def kept(self) -> list[Decided]:
        return [shot for shot in self.shots if shot.kept]

    @property
    def levels(self) -> list[Level]:
        return levels(self.shots)


def collect(
    videos: Sequence[Path],
    output: Path,
    *,
    thresholds: Path | None = None,
    weights: Sequence[Path] = (),
    whisper: Path | None = None,
    workers: int = 1,
    ray: bool = False,
    every_stage: bool = False,
    progress: Progress | None = None,
) -> Collected:
    """Measure, decide and write `manifest.parquet`, `clips.jsonl` and `index.html` into `output`.

    videos: files, or folders with all that lies in them. thresholds: a YAML file with changes of the shipped ones;
    with others than before, only what is decided changes. weights: folders, as of `evaluate`. whisper: a folder with a
    multilingual Whisper. workers: processes. every_stage: also after one that refuses a shot.
    Raises InputError for what cannot be used; a video that cannot be read has a line in the manifest.
    """
    check_arrow()
    chosen = Thresholds.read(thresholds)
    if whisper is None and chosen["sound"]["languages"]:
        raise InputError("sound.languages needs Whisper to tell them; give its folder (--whisper).")
    files = different(file for video in videos for file in videos_in(video))
    jobs = [Job(file, output / RECORDS, chosen, tuple(weights), whisper, every_stage) for file in files]
    with held(output):
        overrides = read_overrides(output / OVERRIDES)  # its faults are said before anything is measured
        (output / RECORDS).mkdir(parents=True, exist_ok=True)
        measured = measure_with_ray(jobs) if ray else measure(jobs, workers)
        _through(measured, "measuring", len(jobs), progress)
        return _written(jobs, output, overrides, progress)


@contextmanager
def held(output: Path) -> Iterator[None]:
    """For this process alone. Raises InputError where another one has it."""
    output.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(output / LOCK, timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"{output} is in use by another command; wait for it, or give another folder (--output)."
        ) from None


def _written(
    jobs: Sequence[Job], output: Path, overrides: Mapping[str, Override], progress: Progress | None
) -> Collected:
    """Everything but `measured`, from what was measured."""
    chosen, weights = jobs[0].thresholds, Weights(jobs[0].weights)
    shots = tuple(decide([VideoRecord.load(job.video, job.folder) for job in jobs], chosen, overrides))
    for name in sorted(overrides.keys() - {shot.id for shot in shots}):
        log.warning("%s: there is no shot %s; its line is not used.", output / OVERRIDES, name)
    kept = [shot for shot in shots if shot.kept]
    _through(export(output, kept, weights), "exporting", len(kept), progress)
    bad = read_bad_cases(output / BAD, kept)
    ask(output / BAD, kept)
    about = {"levels": [vars(level) for level in levels(shots)], "bad": vars(bad)}
    write_manifest(output / MANIFEST, shots, chosen, about)
    write_page(output, shots, bad)
    return Collected(shots, bad)


def different(files: Iterable[Path]) -> list[Path]:
    """Each video once, wherever else it lies as a copy or a link."""
    known: dict[str, Path] = {}
    for file in files:
        first = known.setdefault(identity(file)[-DIGEST:], file)
        if first.absolute() != file.absolute():
            log.warning("%s holds the same video as %s; it is taken once.", file, first)
    return list(known.values())


def videos_in(path: Path) -> list[Path]:
    """A file, or all videos in a folder and the folders in it. Raises InputError where there is none."""
    if not path.is_dir():
        return files_in(path, VIDEOS)
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in VIDEOS and file.is_file())
    return found or files_in(path, VIDEOS)


def _through(done: Iterable[Path], stage: str, count: int, progress: Progress | None) -> None:
    for number, video in enumerate(done, 1):
        if progress:
            progress(stage, number, count, video.name)
