"""The inputs as files: those that are given, and those that are made of them in the output folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count, islice
from pathlib import Path

import torch
from scipy.io import wavfile

from ..api.evaluation import VIDEOS
from ..conditioning.pose import Keypoints, to_pose_keypoint
from ..demo.unseen import SIZE, drawn
from ..errors import InputError
from ..evaluation.metrics.results import key_of, stamp
from ..files import atomic
from ..media.footage import open_video
from ..media.sound import Audio, read_audio
from ..media.writing import write_picture
from ..timeline import SAMPLE_RATE
from .spec import NEXT, OWN, Inputs

LEAST_PIECE = 0.9  # of a voice's last piece, in pieces; what is shorter is left out
STILL = 0.2  # seconds of silence: a drawn portrait keeps its mouth shut


class Material:
    """`folder` holds what is made: drawn faces, pieces of voices, first frames of videos."""

    def __init__(self, inputs: Inputs, folder: Path) -> None:
        self.inputs, self.folder = inputs, folder

    @cached_property
    def sources(self) -> list[Path]:
        """Portraits or clips, in order."""
        return [self._face(index) for index in range(self.inputs.drawn)] or list(self.inputs.shown)

    @cached_property
    def voices(self) -> list[Path]:
        """In order; with `own` and `next` one for each that is shown."""
        if self.inputs.voices in (OWN, NEXT):
            shown = self.sources
            first = 1 if self.inputs.voices == NEXT else 0
            files = [*shown[first:], *shown[:first]]
        else:
            files = [Path(path) for path in self.inputs.voices]
        return (
            files if self.inputs.pieces is None else [part for file in files for part in self._pieces(file)]
        )

    def picture(self, path: Path) -> Path:
        """A portrait itself, or the first frame of a video."""
        if path.suffix.lower() not in VIDEOS:
            return path
        return self._made(
            f"{key_of(path.stem, stamp(path))}/{path.stem}.png",
            lambda part: write_picture(part, next(open_video(path).stream())),
        )

    def _face(self, index: int) -> Path:
        picture = self.folder / f"face_{index}.png"
        if not picture.is_file():
            face = drawn(index, torch.zeros(round(STILL * SAMPLE_RATE)))
            assert face.landmarks is not None
            pose = to_pose_keypoint(Keypoints.of_one_face(face.landmarks[:1], SIZE, SIZE))
            self._made(f"face_{index}.json", lambda part: part.write_text(json.dumps(pose), encoding="utf-8"))
            self._made(f"face_{index}.txt", lambda part: part.write_text(face.caption, encoding="utf-8"))
            self._made(picture.name, lambda part: write_picture(part, face.frames[0]))
        return picture

    def _pieces(self, file: Path) -> list[Path]:
        """Each as long as the specification says, but for the last one; a file without sound as it is, so that its
        cells fail alone."""
        seconds = self.inputs.pieces
        assert seconds is not None
        try:
            voice = read_audio(file)
        except InputError:
            return [file]
        folder = key_of(file.stem, stamp(file), str(seconds))
        return [
            self._made(f"{folder}/{file.stem}_{number:02}.wav", writing(part))
            for number, part in enumerate(pieces_of(voice, seconds), 1)
        ]

    def _made(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.folder / name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as part:
                write(part)
        return path


def pieces_of(voice: Audio, seconds: float) -> Iterator[Audio]:
    """One after the other; a voice that is shorter than a piece is one."""
    length = round(seconds * voice.sample_rate)
    least = min(round(LEAST_PIECE * length), voice.samples.shape[1])
    for start in islice(count(0, length), voice.samples.shape[1] // length + 1):
        samples = voice.samples[:, start : start + length]
        if samples.shape[1] >= least:
            yield replace(voice, samples=samples)


def writing(voice: Audio) -> Callable[[Path], None]:
    """As 32-bit floats, and the same bytes every time: libsndfile would write down the time."""
    return lambda part: wavfile.write(part, voice.sample_rate, voice.samples.T.contiguous().numpy())
