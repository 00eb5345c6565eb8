"""Faces by the face landmarker that ComfyUI itself has since 0.33, a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...skyreels_core.conditioning.landmarks import of_meshes
from ...skyreels_core.conditioning.pose import Keypoints
from ...skyreels_core.errors import InputError
from ...skyreels_core.media.footage import Frames

AT_ONCE = 4  # frames
ALL_FACES = 0
MIN_SCORE = 0.5  # as in the host's own node
NEAR, FAR = "short", "full"  # its detectors: of faces near the camera, and of smaller ones


class MeshFinder:
    """Finds all faces of a video with a FACE_DETECTION_MODEL. A frame in which the detector of near faces finds none
    is given to that of far ones."""

    def __init__(self, model: Any) -> None:
        if not callable(getattr(model, "detect_batch", None)):
            raise InputError(
                f"The detector is of type {type(model).__name__}, which finds no face landmarks. Connect Load Face "
                "Detection Model (MediaPipe) or Load YuNet."
            )
        self.model = model

    def __call__(self, frames: Frames, callback: Callable[[int], None] | None = None) -> Keypoints:
        """`callback` is called for every frame and may raise to cancel."""
        faces: list[Tensor] = []
        for pictures in _chunks(map(_bytes, frames.stream())):
            for found in self._find(pictures):
                faces.append(of_meshes(found))
                if callback:
                    callback(len(faces) - 1)
        return Keypoints(tuple(faces), *frames.size)

    def _find(self, pictures: list[np.ndarray]) -> list[list[dict]]:
        found = self._detect(pictures, NEAR)
        missed = [index for index, faces in enumerate(found) if not faces]
        if missed:
            for index, faces in zip(
                missed, self._detect([pictures[index] for index in missed], FAR), strict=True
            ):
                found[index] = faces
        return found

    def _detect(self, pictures: list[np.ndarray], variant: str) -> list[list[dict]]:
        with torch.no_grad():
            return list(
                self.model.detect_batch(
                    pictures, num_faces=ALL_FACES, score_thresh=MIN_SCORE, variant=variant
                )
            )


def _bytes(frame: Tensor) -> np.ndarray:
    return (frame * 255).round().clamp(0, 255).byte().numpy()


def _chunks(pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    pictures = iter(pictures)
    while chunk := list(islice(pictures, AT_ONCE)):
        yield chunk
