"""What a metric is: figures with their units, what it needs, and a meter that the frames of one clip pass through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...conditioning.pose import Keypoints
from ...media.footage import Footage, Frames
from ...media.region import Region
from ...media.sound import Audio
from .faces import YUNET, Faces
from .frechet import Gaussian
from .weights import Weights, WeightsFile

DETECTOR = WeightsFile(("yolox_l.onnx",), "DWPose's person detector")
POSE = WeightsFile(("dw-ll_ucoco_384.onnx",), "DWPose's pose model")
HIGHER, LOWER, NEITHER = "higher", "lower", ""  # which is better


@dataclass(frozen=True)
class Figure:
    """One number of a clip, or of a set of clips."""

    name: str
    unit: str
    better: str  # HIGHER, LOWER or NEITHER


@dataclass(frozen=True)
class Needs:
    """What has to be there beside the video, in all cases."""

    files: tuple[WeightsFile, ...] = ()
    voice: bool = False
    faces: bool = False  # boxes and five points, from YuNet or from landmarks
    landmarks: bool = False  # with the lips
    reference: bool = False
    moving_reference: bool = False  # a video as large and as long
    mask: bool = False


@dataclass(frozen=True, eq=False)
class Clip:
    """A video with what is known of it. Frames are read one by one and never held."""

    name: str
    video: Footage
    voice: Audio | None = None
    reference: Frames | None = None  # a portrait is one frame
    landmarks: Keypoints | None = None
    region: Region | None = None
    faces: Faces | None = None
    reference_faces: Faces | None = None

    @property
    def fps(self) -> float:
        return self.video.fps

    def lacks(self, needs: Needs, weights: Weights) -> list[str]:
        """What is needed and not there, in words."""
        moving = self.reference is not None and len(self.reference) > 1
        faces = "landmarks around the face" if weights.find(YUNET) else f"{YUNET} in {weights}, or landmarks"
        absent = (
            (needs.voice and self.voice is None, "a voice (--voice, or the sound of the video)"),
            (needs.faces and self.faces is None, f"a face in the video, which takes {faces} (--keypoints)"),
            (
                needs.landmarks and self.landmarks is None,
                f"landmarks of the lips (--keypoints, or {DETECTOR} and {POSE} in {weights})",
            ),
            (needs.reference and self.reference is None, "a reference (--reference)"),
            (needs.moving_reference and not moving, "a reference video (--reference)"),
            (needs.mask and self.region is None, "a mask (--mask)"),
        )
        return [what for missing, what in absent if missing]


@dataclass(frozen=True, eq=False)
class Measured:
    """Of one clip. What could not be measured in it is left out of `figures`; `note` says why."""

    figures: Mapping[str, float] = field(default_factory=dict)
    features: NDArray[np.float32] | None = None  # [n d], of a metric of sets
    curves: Mapping[str, Sequence[float]] = field(
        default_factory=dict
    )  # over the clip's time, 0..1, to be drawn
    note: str = ""


class Meter(Protocol):
    """Frames of one clip, one after the other, in memory that does not grow with their number."""

    def add(self, frame: Tensor) -> None:
        """The next frame, [h w 3] in 0..1."""
        ...

    def result(self) -> Measured:
        """Once all frames have passed."""
        ...


class Metric(Protocol):
    """Made once for a run, with the weights that it needs; measures any number of clips."""

    name: ClassVar[str]
    figures: ClassVar[tuple[Figure, ...]]
    needs: ClassVar[Needs]

    def __init__(self, weights: Weights) -> None: ...

    def meter(self, clip: Clip) -> Meter: ...


class SetMetric(Metric, Protocol):
    """A metric that compares the features of all clips with those of all references."""

    def distance(self, made: Gaussian, reference: Gaussian) -> float: ...
