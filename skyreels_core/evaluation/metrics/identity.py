"""Is it the same person? The cosine of face embeddings by a network that the user gives (ArcFace or its kin, as ONNX),
on faces that five points align as InsightFace does.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...errors import InputError, first_words
from ...media.footage import Frames
from .faces import YUNET, Faces
from .metric import HIGHER, Clip, Figure, Measured, Needs
from .weights import Weights, WeightsFile

EMBEDDER = WeightsFile(
    ("arcface.onnx", "w600k_r50.onnx", "glintr100.onnx", "w600k_mbf.onnx"), "a face embedder"
)
SIDE = 112
# where eyes, nose tip and corners of the mouth lie in the aligned face, pixels
PLACES = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
MEAN, SPAN = 127.5, 127.5  # of 8-bit RGB
A_SECOND = 5.0  # faces that are compared


class Identity:
    name: ClassVar[str] = "identity"
    figures: ClassVar = (Figure("identity", "cosine", HIGHER), Figure("identity_lowest", "cosine", HIGHER))
    needs: ClassVar[Needs] = Needs(files=(EMBEDDER,), faces=True, reference=True)

    def __init__(self, weights: Weights) -> None:
        self.embedder = Embedder(weights.path(EMBEDDER))

    def meter(self, clip: Clip) -> IdentityMeter:
        assert clip.faces is not None and clip.reference is not None
        wanted = None
        if clip.reference_faces is not None:
            rate = getattr(clip.reference, "fps", clip.fps)
            wanted = mean_embedding(self.embedder, clip.reference, clip.reference_faces, step_of(rate))
        return IdentityMeter(self.embedder, clip.faces, step_of(clip.fps), wanted)


class IdentityMeter:
    def __init__(self, embedder: Embedder, faces: Faces, step: int, wanted: NDArray | None) -> None:
        self.embedder, self.faces, self.step, self.wanted = embedder, faces, step, wanted
        self.cosines: list[float] = []
        self.index = 0

    def add(self, frame: Tensor) -> None:
        index, self.index = self.index, self.index + 1
        if self.wanted is None or index % self.step or not self.faces.found[index]:
            return
        self.cosines.append(float(self.embedder(aligned(frame, self.faces.points[index])) @ self.wanted))

    def result(self) -> Measured:
        if self.wanted is None:
            return Measured(note=f"no face was found in the reference, in which {YUNET} has to find it")
        if not self.cosines:
            return Measured(note="no face was found in the frames that are compared")
        return Measured({"identity": float(np.mean(self.cosines)), "identity_lowest": min(self.cosines)})


class Embedder:
    """A face [112 112 3] as a vector of length 1. Raises InputError where onnxruntime or the file cannot be used."""

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError("Face embeddings need onnxruntime: pip install onnxruntime") from error
        try:
            self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library has its own
            raise InputError(
                f"{path} cannot be read as an ONNX model ({first_words(error)}). Download it again, or give another."
            ) from error
        taken = self.session.get_inputs()[0].shape
        if list(taken[1:]) != [3, SIDE, SIDE]:
            raise InputError(
                f"{path} takes pictures of shape {taken}; a face embedder for aligned faces of {SIDE}x{SIDE} is "
                "needed. Give ArcFace, or a model that takes the same."
            )

    def __call__(self, face: NDArray) -> NDArray[np.float32]:
        planes = ((face.astype(np.float32) - MEAN) / SPAN).transpose(2, 0, 1)[None]
        (embedding, *_) = self.session.run(None, {self.session.get_inputs()[0].name: planes})
        vector = np.asarray(embedding, np.float32).reshape(-1)
        return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)


def mean_embedding(embedder: Embedder, pictures: Frames, faces: Faces, step: int) -> NDArray | None:
    """Of a portrait, or of a video's frames; None where there is no face."""
    total = np.zeros(1, np.float32)
    for index, frame in enumerate(pictures.stream()):
        if index % step == 0 and faces.found[index]:
            total = total + embedder(aligned(frame, faces.points[index]))
    length = float(np.linalg.norm(total))
    return total / length if length else None


def step_of(fps: float) -> int:
    return max(1, round(fps / A_SECOND))


def aligned(frame: Tensor, points: NDArray) -> NDArray[np.uint8]:
    """The face, 8-bit RGB [112 112 3], by the similarity that brings the five points nearest to their places."""
    picture = (frame[..., :3] * 255).round().clamp(0, 255).byte().numpy()
    return np.asarray(
        cv2.warpAffine(np.ascontiguousarray(picture), similarity(points, PLACES), (SIDE, SIDE)), np.uint8
    )


def similarity(source: NDArray, target: NDArray) -> NDArray[np.float64]:
    """Rotation, scale and shift [2 3] with the least squares (Umeyama 1991), without reflection."""
    means = source.mean(0), target.mean(0)
    centred, wanted = source - means[0], target - means[1]
    u, values, v = np.linalg.svd(wanted.T @ centred)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = (u * signs) @ v
    scale = (values * signs).sum() / np.square(centred).sum()
    return np.concatenate([scale * rotation, (means[1] - scale * rotation @ means[0])[:, None]], axis=1)
