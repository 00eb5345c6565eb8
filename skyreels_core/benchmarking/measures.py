"""What is measured on cells: the metrics of every video, and two that only a benchmark can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from ..api.evaluation import open_pictures
from ..audio.reading import mono_16k
from ..conditioning.faces import face_masks
from ..conditioning.pose import from_pose_keypoint
from ..demo.curves import mouth_curves
from ..errors import InputError
from ..evaluation.agreement import correlation
from ..evaluation.metrics import registry
from ..evaluation.metrics.metric import HIGHER, LOWER, NEITHER, Clip, Figure, Measured, Metric, Needs
from ..evaluation.metrics.registry import Chosen
from ..evaluation.metrics.results import key_of, stamp
from ..evaluation.metrics.weights import Weights
from ..evaluation.mouth import mouth_area
from ..evaluation.seams import SeamMeter, change, midway
from ..media.footage import Frames, InMemoryFrames, lasting, open_video
from ..media.picture import read_picture
from ..media.reading import fit
from ..media.sound import read_audio
from ..pipeline.region import find_region
from .cells import Cell
from .folder import Folder, Record, digest
from .material import Material
from .spec import Benchmark

NO_FACE = "needs keypoints of the portrait or clip (keypoints in the specification)"


@dataclass(frozen=True, eq=False)
class CellClip(Clip):
    """With what a benchmark knows of its video. joins: frames at which windows meet; None where nobody told. face: the
    lower face, 0 and 1, of each frame or one for all."""

    joins: tuple[int, ...] | None = None
    face: Frames | None = None


class Mouth:
    """Of the bundled drawn faces, whose mouths are dark: Pearson's r of the mouth's open area with what the voice asks
    for, at lag 0. A mouth that never moves has 0."""

    name: ClassVar[str] = "mouth"
    figures: ClassVar = (Figure("mouth_r", "", HIGHER),)
    needs: ClassVar[Needs] = Needs(voice=True)

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> MouthMeter:
        assert isinstance(clip, CellClip)
        return MouthMeter(clip)


class MouthMeter:
    def __init__(self, clip: CellClip) -> None:
        self.clip = clip
        self.boxes = None if clip.face is None else lasting(clip.face.stream())
        self.areas: list[float] = []

    def add(self, frame: Tensor) -> None:
        if self.boxes is not None:
            self.areas.append(float(mouth_area(frame[None], next(self.boxes)[None])))

    def result(self) -> Measured:
        if self.boxes is None:
            return Measured(note=NO_FACE)
        assert self.clip.voice is not None
        areas = np.array(self.areas)
        asked = mouth_curves(mono_16k(self.clip.voice), len(areas), self.clip.fps).area
        moves = areas.std() > 0 and asked.std() > 0
        return Measured({"mouth_r": correlation(areas, asked) if moves else 0.0})


class Seams:
    """The change of pixels where windows meet, outside the lower face where that is known, in multiples of the usual
    change around: the mean over the joins, the largest, and the mean midway between joins, where none is."""

    name: ClassVar[str] = "seams"
    figures: ClassVar = (
        Figure("seam", "usual changes", LOWER),
        Figure("seam_largest", "usual changes", LOWER),
        Figure("seam_midway", "usual changes", NEITHER),
    )
    needs: ClassVar[Needs] = Needs()

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> JoinsMeter:
        assert isinstance(clip, CellClip)
        return JoinsMeter(clip)


class JoinsMeter:
    def __init__(self, clip: CellClip) -> None:
        self.known = clip.joins is not None
        joins = clip.joins or ()
        self.at = SeamMeter(joins, clip.fps)
        self.between = SeamMeter(midway(joins), clip.fps)
        self.faces = None if clip.face is None else lasting(clip.face.stream())
        self.last: Tensor | None = None
        self.frames = 0

    def add(self, frame: Tensor) -> None:
        outside = None if self.faces is None else 1 - next(self.faces)
        if self.last is not None:
            changed = change(self.last, frame, outside)
            self.at.add(changed)
            self.between.add(changed)
        self.last = frame
        self.frames += 1

    def result(self) -> Measured:
        at, between = (
            [join.seam for join in meter.result(self.frames) if join.seam is not None]
            for meter in (self.at, self.between)
        )
        if not at:
            return Measured(
                note="it is one window" if self.known else "a server does not tell where windows meet"
            )
        control = {"seam_midway": float(np.mean(between))} if between else {}
        return Measured({"seam": float(np.mean(at)), "seam_largest": max(at), **control})


KINDS: tuple[type[Metric], ...] = (Mouth, Seams)
FIGURES = {**registry.FIGURES, **{figure.name: figure for kind in KINDS for figure in kind.figures}}


def choose(names: Sequence[str], weights: Weights) -> Chosen:
    """Those of these names. Raises InputError for a name that no metric has."""
    own = [kind for kind in KINDS if kind.name in names]
    others = [name for name in names if name not in {kind.name for kind in own}]
    if unknown := [name for name in others if name not in registry.NAMES]:
        known = ", ".join((*registry.NAMES, *(kind.name for kind in KINDS)))
        raise InputError(f"There is no metric {unknown[0]}. Choose from {known}.")
    found = registry.choose(others, weights) if others else Chosen((), ())
    return Chosen((*(kind(weights) for kind in own), *found.metrics), found.left_out)


def check_columns(names: Sequence[str], metrics: Sequence[str]) -> None:
    """Raises InputError for a figure that no metric of these names has."""
    for name in names:
        if name not in FIGURES:
            raise InputError(f"there is no figure {name!r} for columns. Choose from {', '.join(FIGURES)}.")
        owner = next(kind.name for kind in (*registry.KINDS, *KINDS) if FIGURES[name] in kind.figures)
        if owner not in metrics:
            raise InputError(f"columns names {name}, a figure of {owner}. Add {owner} to metrics.")


@dataclass(frozen=True)
class CellSource:
    """A finished cell as something to measure, opened when its turn comes. An `evaluation.metrics.run.Source`."""

    benchmark: Benchmark
    cell: Cell
    record: Record
    folder: Folder
    material: Material

    @property
    def name(self) -> str:
        return self.cell.inputs.label

    @property
    def path(self):
        return self.folder.cells / str(self.record.video)

    @property
    def key(self) -> str:
        marks = digest(self.cell.inputs.keypoints), digest(self.cell.inputs.mask)
        return key_of(self.record.id, stamp(self.path), *map(str, marks))

    def open(self) -> CellClip:
        inputs, edits = self.cell.inputs, self.benchmark.task == "edit"
        video, voice = open_video(self.path), read_audio(inputs.voice)
        joins = None if self.record.forwards is None else self.record.joins
        reference = open_pictures(inputs.shown if edits else self.material.picture(inputs.shown))
        region = self._region() if edits and "outside" in self.benchmark.metrics else None
        return CellClip(
            self.name,
            video,
            voice,
            reference,
            region=region,
            joins=joins,
            face=self._face(video.size, video.fps),
        )

    def _region(self):
        """What was regenerated, in each frame of the clip; None where the specification does not say."""
        region, inputs = self.benchmark.region, self.cell.inputs
        ways = inputs.mask, inputs.keypoints, region.dwpose
        if not any(ways) and region.yunet is None:
            return None
        video = open_video(inputs.shown)
        return find_region(video, *ways, region.face, region.gaps, None, region.yunet)

    def _face(self, size: tuple[int, int], fps: float) -> Frames | None:
        """The lower face by the keypoints, at the video's size."""
        inputs = self.cell.inputs
        if inputs.keypoints is None or not {"mouth", "seams"} & set(self.benchmark.metrics):
            return None
        if self.benchmark.task == "edit":
            return find_region(open_video(inputs.shown), keypoints=inputs.keypoints)
        height, width = read_picture(self.material.picture(inputs.shown)).shape[:2]
        found = from_pose_keypoint(inputs.keypoints, width, height)
        boxes = face_masks(type(found)(found.faces[:1], width, height), fps).boxes
        return InMemoryFrames((fit(boxes[..., None], *size)[0][..., 0] > 0.5).float())
