"""Videos through the stages, each in a process of its own where there are several: shot by shot, stage by stage."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..errors import InputError, first_words, sentence
from ..evaluation.metrics.weights import Weights
from ..media.cuts import find_shots
from .record import ShotRecord, VideoRecord
from .stages import STAGES, Tools, state_of
from .stages.shot import Recording, Shot
from .stages.thresholds import Thresholds

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between looks at whether the caller is still there


@dataclass(frozen=True)
class Job:
    """One video, and all that a process needs to measure it."""

    video: Path
    folder: Path  # of the records
    thresholds: Thresholds
    weights: tuple[Path, ...] = ()
    whisper: Path | None = None
    every_stage: bool = False  # also after one that refuses the shot

    @property
    def tools(self) -> Tools:
        return Tools(Weights(self.weights), self.whisper, self.thresholds.sections)


def measure(jobs: Sequence[Job], workers: int = 1) -> Iterator[Path]:
    """Measure what is not measured yet; gives each video when it is done."""
    if workers <= 1:
        for job in jobs:
            yield measure_video(job)
        return
    context = get_context("spawn")
    ended = context.Value("b", 0, lock=False)  # without a lock, which a worker that dies would keep
    with ProcessPoolExecutor(workers, context, _begin, (os.getpid(), ended)) as pool:
        try:
            with _interrupts_later():  # which workers inherit: they are interrupted neither now nor later
                begun = [pool.submit(measure_video, job) for job in jobs]
            for done in as_completed(begun):
                yield done.result()
        except BaseException:  # an interrupted run waits for nothing: what a stage has measured is saved
            pool.shutdown(wait=False, cancel_futures=True)
            ended.value = 1
            raise


def measure_with_ray(jobs: Sequence[Job]) -> Iterator[Path]:
    """The same on every machine of a Ray cluster, which all see the same folders. Raises InputError without Ray."""
    try:
        import ray.data  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError as error:
        raise InputError(
            'Ray is not installed. Install it: pip install "skyreels-audio[ray]", or leave --ray out.'
        ) from error
    done = ray.data.from_items([{"job": job} for job in jobs]).map(_measure_row)
    for row in done.iter_rows():
        yield Path(row["video"])


def _measure_row(row: dict) -> dict:
    return {"video": str(measure_video(row["job"]))}


def measure_video(job: Job) -> Path:
    """A video that cannot be read has a sentence in its record; one that lacks only some stages gets those."""
    record = VideoRecord.load(job.video, job.folder)
    try:
        recording = Recording(job.video)
        if not record.complete:
            record.shots, record.complete = list(shots_of(recording)), True
            record.error = ""
            record.save(job.folder)
        for shot in record.shots:
            _measure_shot(record, shot, Shot(recording, shot.first, shot.frames), job)
        if record.error:
            record.error = ""
            record.save(job.folder)
    except Exception as error:  # whatever one file provokes, the others are measured
        known = isinstance(error, InputError | OSError)
        record.error = sentence(error) if known else f"{type(error).__name__}: {first_words(error)}"
        record.save(job.folder)
    return job.video


def shots_of(recording: Recording) -> Iterator[ShotRecord]:
    video = recording.video
    for first, last in pairwise([*find_shots(video), len(video)]):
        yield ShotRecord(first, last - first, first / video.fps, last / video.fps)


def _measure_shot(record: VideoRecord, kept: ShotRecord, shot: Shot, job: Job) -> None:
    tools = job.tools
    for stage in STAGES:
        state = state_of(stage, tools)
        if not kept.measured(stage.name, state):
            before = kept.stages.get(stage.name), kept.versions.get(stage.name)
            kept.stages[stage.name] = stage.measure(shot, tools)
            kept.versions[stage.name] = state
            if (kept.stages[stage.name], state) != before:
                record.save(job.folder)
        refused = stage.refuse(kept.stages[stage.name], job.thresholds[stage.name])
        if refused and not job.every_stage:
            return


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Ctrl-C is answered at the end, where the system can hold it back."""
    if hold := getattr(signal, "pthread_sigmask", None):
        hold(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hold:
            hold(signal.SIG_UNBLOCK, {signal.SIGINT})


def _begin(caller: int, ended: Any) -> None:
    """A worker ends when its caller is gone or says so. Ctrl-C reaches all of them, and is the caller's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == caller and not ended.value:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
