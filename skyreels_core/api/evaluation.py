"""Measure finished videos: files in, one report out, with the results of each clip kept in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..evaluation.metrics.evaluate import evaluate
from ..evaluation.metrics.landmark_files import read_landmarks
from ..evaluation.metrics.metric import Clip
from ..evaluation.metrics.registry import choose
from ..evaluation.metrics.report import Report
from ..evaluation.metrics.results import ResultsFolder, key_of, stamp
from ..evaluation.metrics.run import ClipResult, Progress
from ..evaluation.metrics.weights import Weights
from ..media.footage import Frames, InMemoryFrames, open_video
from ..media.kinds import is_animated
from ..media.reading import read_picture
from ..media.sound import read_audio
from ..pipeline.region import PICTURES, read_mask

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".gif")
SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".aac", ".opus", *VIDEOS)
LANDMARKS = (".json", ".npz")
CLIPS = "clips"  # the folder of the results that are kept


@dataclass(frozen=True)
class ClipFiles:
    """A clip that stays in its files until its turn comes."""

    video: Path
    reference: Path | None = None
    voice: Path | None = None
    keypoints: Path | None = None
    mask: Path | None = None

    @property
    def name(self) -> str:
        return self.video.stem

    @property
    def key(self) -> str:
        files = (self.video, self.reference, self.voice, self.keypoints, self.mask)
        return key_of(self.name, *(stamp(file) for file in files))

    def open(self) -> Clip:
        video = open_video(self.video)
        voice = video.audio if self.voice is None else read_audio(self.voice)
        reference = None if self.reference is None else open_pictures(self.reference)
        landmarks = None if self.keypoints is None else read_landmarks(self.keypoints, video)
        region = None if self.mask is None else read_mask(self.mask, video)
        return Clip(self.name, video, voice, reference, landmarks, region)


def open_pictures(path: Path) -> Frames:
    """A video, or a picture as a single frame."""
    single = path.suffix.lower() in PICTURES and not (path.is_file() and is_animated(path))
    return InMemoryFrames(read_picture(path)[None]) if single else open_video(path)


@dataclass(frozen=True)
class Given:
    """What videos are compared with: each a file for all of them, or a folder with one for each, of the same name
    before its ending. What a folder lacks is not there for that video."""

    reference: Path | None = None  # all videos of a folder are the set that FID and FVD compare with
    voice: Path | None = None
    keypoints: Path | None = None
    mask: Path | None = None

    def __post_init__(self) -> None:
        for path in (self.reference, self.voice, self.keypoints, self.mask):
            if path is not None and not path.exists():
                raise InputError(f"There is no {path}; check the name and the folder.")

    def clip(self, video: Path) -> ClipFiles:
        return ClipFiles(
            video,
            matching(self.reference, video, (*VIDEOS, *PICTURES)),
            matching(self.voice, video, SOUNDS),
            matching(self.keypoints, video, LANDMARKS),
            matching(self.mask, video, (*PICTURES, *VIDEOS)),
        )


def evaluate_files(
    videos: Sequence[Path],
    output: Path,
    given: Given | None = None,
    metrics: Sequence[str] = (),
    weights: Sequence[Path] = (),
    progress: Progress | None = None,
    done: Callable[[ClipResult], None] | None = None,
) -> Report:
    """The report of all videos, written to `output` too.

    videos: files, or folders of them. metrics: names, by default all. weights: folders.
    Raises InputError for what is missing, and for a name that no metric has.
    """
    given, folders = given or Given(), Weights(tuple(weights))
    clips = [given.clip(file) for video in videos for file in files_in(video, VIDEOS)]
    references = [] if given.reference is None else [ClipFiles(file) for file in of_sets(given.reference)]
    kept = ResultsFolder(output / CLIPS)
    report = evaluate(clips, references, choose(metrics, folders), folders, kept, progress, done)
    report.write(output)
    return report


def files_in(path: Path, endings: Sequence[str]) -> list[Path]:
    """A file, or those of a folder by name. Raises InputError for neither, and for a folder without any."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.glob("*") if file.suffix.lower() in endings) if path.is_dir() else []
    if not found:
        raise InputError(f"There is no video in {path}. Give video files, or a folder that holds some.")
    return found


def of_sets(reference: Path) -> list[Path]:
    """The videos that sets are compared with; a portrait is none."""
    if reference.is_dir():
        return sorted(file for file in reference.glob("*") if file.suffix.lower() in VIDEOS)
    return [reference] if reference.suffix.lower() in VIDEOS else []


def matching(given: Path | None, video: Path, endings: Sequence[str]) -> Path | None:
    """The file itself, or the folder's file of the video's name: `talk.json`, or `talk.landmarks.npz` of `talk.mp4`."""
    if given is None or not given.is_dir():
        return given
    found = (file for file in sorted(given.glob("*")) if file.suffix.lower() in endings)
    return next((file for file in found if file.name.startswith(f"{video.stem}.")), None)
