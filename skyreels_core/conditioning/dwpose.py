"""Face landmarks by DWPose: a YOLOX person detector, then a whole-body pose model on each person.

Method section 9. Both are ONNX files that the user gives, run with the optional onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from ..errors import InputError, first_words
from ..media.footage import Frames
from .pose import Keypoints

DETECTOR_SIZE = 640  # pixels, square
LETTERBOX_FILL = 114
STRIDES = (8, 16, 32)
MIN_PERSON_SCORE, MAX_OVERLAP = 0.3, 0.45
POSE_WIDTH, POSE_HEIGHT = 288, 384
PERSON_MARGIN = 1.25
RGB_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
RGB_STD = np.array([58.395, 57.12, 57.375], np.float32)
SIMCC_SPLIT = 2.0  # bins per pixel
FACE = slice(23, 91)  # of the 133 whole-body points
PROVIDERS = ("CUDAExecutionProvider", "DmlExecutionProvider", "CPUExecutionProvider")


class DWPose:
    """Finds the faces of all people in a video.

    Raises InputError when onnxruntime or one of the two files is missing, or a file is another model.
    """

    def __init__(self, detector_path: str | Path, pose_path: str | Path):
        self.detector = _load(Path(detector_path), (DETECTOR_SIZE, DETECTOR_SIZE))
        self.pose = _load(Path(pose_path), (POSE_HEIGHT, POSE_WIDTH))

    def __call__(self, frames: Frames, callback: Callable[[int], None] | None = None) -> Keypoints:
        """The faces of pictures; `callback` is called for every frame and may raise to cancel."""
        faces = []
        for index, frame in enumerate(frames.stream()):
            picture = (frame * 255).round().clamp(0, 255).byte().cpu().numpy()
            found = [self.find_face(picture, person) for person in self.find_people(picture)]
            faces.append(torch.from_numpy(np.stack(found)) if found else torch.zeros(0, 68, 3))
            if callback:
                callback(index)
        return Keypoints(tuple(faces), *frames.size)

    def find_people(self, picture: np.ndarray) -> np.ndarray:
        """Boxes [p 4] (left, top, right, bottom in pixels) of the people in a picture, RGB uint8 [h w 3]."""
        canvas, ratio = _letterbox(picture)
        (output,) = _run(self.detector, canvas[..., ::-1])
        boxes, scores = _decode_boxes(output[0])
        sizes = boxes[:, 2:] - boxes[:, :2]
        corners = np.concatenate([boxes[:, :2], sizes], axis=1)
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), MIN_PERSON_SCORE, MAX_OVERLAP)
        return boxes[np.asarray(kept, int)] / ratio

    def find_face(self, picture: np.ndarray, person: np.ndarray) -> np.ndarray:
        """The face [68 3] of one person: x and y in pixels of the picture, score."""
        centre, size = _crop_of(person)
        scale = POSE_WIDTH / size[0]
        shift = np.array([POSE_WIDTH, POSE_HEIGHT]) / 2 - centre * scale
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        crop = cv2.warpAffine(picture, matrix, (POSE_WIDTH, POSE_HEIGHT), flags=cv2.INTER_LINEAR)
        simcc_x, simcc_y = (output[0, FACE] for output in _run(self.pose, (crop - RGB_MEAN) / RGB_STD))
        points = np.stack([simcc_x.argmax(-1), simcc_y.argmax(-1)], axis=-1) / SIMCC_SPLIT
        scores = (simcc_x.max(-1) + simcc_y.max(-1)) / 2
        return np.concatenate([(points - shift) / scale, scores[:, None]], axis=-1).astype(np.float32)


def _load(path: Path, size: tuple[int, int]):
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("Face detection with DWPose needs onnxruntime: pip install onnxruntime") from error
    if not path.is_file():
        raise InputError(
            f"{path} does not exist. DWPose needs two files, the person detector yolox_l.onnx and the pose "
            "model dw-ll_ucoco_384.onnx. Download them from the DWPose project (yzd-v/DWPose on Hugging "
            "Face) and give their paths, or give keypoints or a ready mask instead."
        )
    providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(path, providers=providers)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as an ONNX model ({first_words(error)}). Download it again, or give keypoints or "
            "a ready mask instead."
        ) from error
    found = session.get_inputs()[0].shape
    if tuple(found[-2:]) != size:
        raise InputError(
            f"{path} takes pictures of shape {found}, not {size[0]}x{size[1]}: the detector is yolox_l.onnx "
            "(640x640), the pose model dw-ll_ucoco_384.onnx (384x288)."
        )
    return session


def _run(session, picture: np.ndarray) -> list[np.ndarray]:
    """One picture [h w 3] through a session."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
    return session.run(None, {session.get_inputs()[0].name: planes})


def _letterbox(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture in the upper left corner of a 640x640 canvas, and the factor that it was scaled by."""
    height, width = picture.shape[:2]
    ratio = min(DETECTOR_SIZE / height, DETECTOR_SIZE / width)
    scaled = cv2.resize(picture, (int(width * ratio), int(height * ratio)), interpolation=cv2.INTER_LINEAR)
    canvas = np.full((DETECTOR_SIZE, DETECTOR_SIZE, 3), LETTERBOX_FILL, np.uint8)
    canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
    return canvas, ratio


def _decode_boxes(output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """YOLOX output [8400 85] -> corners [8400 4] in canvas pixels, scores [8400] of class 0, person."""
    sides = [DETECTOR_SIZE // stride for stride in STRIDES]
    grid = np.concatenate([np.stack(np.meshgrid(range(n), range(n)), -1).reshape(-1, 2) for n in sides])
    strides = np.repeat(STRIDES, [n * n for n in sides])[:, None]
    centres, sizes = (output[:, :2] + grid) * strides, np.exp(output[:, 2:4]) * strides
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1), output[:, 4] * output[:, 5]


def _crop_of(person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size (x, y) of the crop around a box: a quarter larger, in the pose model's aspect ratio."""
    width, height = (person[2:] - person[:2]) * PERSON_MARGIN
    width = max(width, height * POSE_WIDTH / POSE_HEIGHT)
    return (person[:2] + person[2:]) / 2, np.array([width, width * POSE_HEIGHT / POSE_WIDTH])
