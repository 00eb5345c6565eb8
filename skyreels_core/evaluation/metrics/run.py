"""Any number of clips through any number of metrics: each clip's frames are read once, and its results kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ...conditioning.dwpose import DWPose
from ...conditioning.yunet import YuNet
from ...errors import InputError
from ...media.footage import Frames
from .faces import YUNET, Faces, detect_faces, faces_of
from .metric import DETECTOR, POSE, Clip, Measured, Metric
from .results import Results, key_of, stamp
from .weights import Weights

Progress = Callable[[str, int, int], None]  # what is done, frames so far, of how many; may raise to cancel


class Source(Protocol):
    """A clip that is opened when its turn comes."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str:
        """Has changed when one of its files has."""
        ...

    def open(self) -> Clip: ...


@dataclass(frozen=True, eq=False)
class OpenClip:
    """One that is open already; its name is its key."""

    clip: Clip

    @property
    def name(self) -> str:
        return self.clip.name

    @property
    def key(self) -> str:
        return self.clip.name

    def open(self) -> Clip:
        return self.clip


@dataclass(frozen=True, eq=False)
class ClipResult:
    name: str
    key: str
    figures: dict[str, float]
    notes: tuple[str, ...]
    curves: dict[str, Sequence[float]]


def measure(
    source: Source,
    metrics: Sequence[Metric],
    weights: Weights,
    results: Results,
    progress: Progress | None = None,
) -> ClipResult:
    """What is not yet kept of a clip is measured, in one pass over its frames; one that cannot be read has a note."""
    keys = {metric.name: result_key(source, metric, weights) for metric in metrics}
    found = {name: kept for name, key in keys.items() if (kept := results.get(key, name)) is not None}
    missing = [metric for metric in metrics if metric.name not in found]
    if missing:
        try:
            measured = measure_clip(source.open(), missing, weights, progress)
        except (InputError, OSError) as error:
            return ClipResult(source.name, source.key, {}, (f"{source.name}: {error}",), {})
        for name, one in measured.items():
            results.put(keys[name], name, one)
        found |= measured
    return _joined(source, [metric.name for metric in metrics], found)


def measure_clip(
    clip: Clip, metrics: Sequence[Metric], weights: Weights, progress: Progress | None = None
) -> dict[str, Measured]:
    """By name; a metric that lacks something has a note instead of figures."""
    clip = _prepared(clip, metrics, weights, progress)
    lacking = {metric.name: clip.lacks(metric.needs, weights) for metric in metrics}
    found = {name: Measured(note=f"needs {' and '.join(what)}") for name, what in lacking.items() if what}
    meters = {metric.name: metric.meter(clip) for metric in metrics if metric.name not in found}
    for index, frame in enumerate(clip.video.stream() if meters else ()):
        for meter in meters.values():
            meter.add(frame)
        if progress:
            progress(f"{clip.name}: measuring", index + 1, len(clip.video))
    return found | {name: finite(meter.result()) for name, meter in meters.items()}


def finite(measured: Measured) -> Measured:
    """Without figures that are no numbers."""
    kept = {name: value for name, value in measured.figures.items() if math.isfinite(value)}
    if len(kept) == len(measured.figures):
        return measured
    lost = [name for name in measured.figures if name not in kept]
    return replace(measured, figures=kept, note=measured.note or f"{', '.join(lost)} could not be measured")


def _prepared(clip: Clip, metrics: Sequence[Metric], weights: Weights, progress: Progress | None) -> Clip:
    """With the faces and landmarks that some metric needs, where they are not given and can be detected."""
    needs = [metric.needs for metric in metrics]
    files = weights.find(DETECTOR), weights.find(POSE)
    if any(one.landmarks for one in needs) and clip.landmarks is None and files[0] and files[1]:
        detected = _callback(progress, f"{clip.name}: landmarks", len(clip.video))
        clip = replace(clip, landmarks=DWPose(files[0], files[1])(clip.video, detected))
    if not any(one.faces for one in needs):
        return clip
    faces = clip.faces or _faces(clip.video, clip, weights, progress)
    if clip.reference is None or not any(one.faces and one.reference for one in needs):
        return replace(clip, faces=faces)
    found = clip.reference_faces or _faces(clip.reference, None, weights, progress)
    return replace(clip, faces=faces, reference_faces=found)


def _faces(pictures: Frames, clip: Clip | None, weights: Weights, progress: Progress | None) -> Faces | None:
    """By YuNet if its file is there, else from the landmarks of the clip."""
    if path := weights.find(YUNET):
        return detect_faces(pictures, YuNet(path), _callback(progress, "faces", len(pictures)))
    return faces_of(clip.landmarks) if clip is not None and clip.landmarks is not None else None


def _callback(progress: Progress | None, what: str, total: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda index: progress(what, index + 1, total)


def result_key(source: Source, metric: Metric, weights: Weights) -> str:
    """Under which a result is kept; another one when the weights that it depends on have changed."""
    needs = metric.needs
    files = [*needs.files, *([YUNET] if needs.faces else []), *([DETECTOR, POSE] if needs.landmarks else [])]
    return key_of(source.name, source.key, *(stamp(weights.find(file)) for file in files))


def _joined(source: Source, names: Sequence[str], found: dict[str, Measured]) -> ClipResult:
    figures = {figure: value for name in names for figure, value in found[name].figures.items()}
    notes = tuple(f"{source.name}: {name}: {found[name].note}" for name in names if found[name].note)
    curves = {label: curve for name in names for label, curve in found[name].curves.items()}
    return ClipResult(source.name, source.key, figures, notes, curves)
