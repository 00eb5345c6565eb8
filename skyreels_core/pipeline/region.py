"""Which part of a video an edit makes anew: from a mask, from keypoints, or found with DWPose."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from ..conditioning.dwpose import DWPose
from ..conditioning.faces import Faces, Gaps, face_masks
from ..conditioning.pose import from_pose_keypoint
from ..errors import InputError
from ..video.reading import Fit, Video, read_picture, read_video

DETECTOR, POSE = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SAME_SHAPE = 0.02  # by how much the sides of a mask may be in another proportion than the video's

logger = logging.getLogger(__name__)


def find_region(
    video: Video,
    mask: str | Path | None = None,
    keypoints: str | Path | None = None,
    dwpose: str | Path | None = None,
    faces: Faces = "largest",
    gaps: Gaps = "pass_through",
    callback: Callable[[int], None] | None = None,
) -> Tensor:
    """The mask [f h w], or [1 h w] for all frames, of 0 and 1 at the video's size, 1 = to be made anew.

    One of three has to be given: `mask`, a picture or a video in which white is made anew; `keypoints`, a
    JSON file in POSE_KEYPOINT form; `dwpose`, the folder of DWPose's two ONNX files. `callback` hears of
    every frame that DWPose has seen. Raises InputError for none or several, and where they do not fit.
    """
    given = [way for way in (mask, keypoints, dwpose) if way is not None]
    if len(given) != 1:
        raise InputError(
            f"{len(given)} ways were given to say what the edit makes anew; give one: a mask, a picture or "
            "video with white around the mouth (--mask), keypoints of the face as POSE_KEYPOINT JSON "
            f"(--keypoints), or the folder with DWPose's {DETECTOR} and {POSE} (--dwpose)."
        )
    if mask is not None:
        return read_mask(Path(mask), video)
    height, width = video.frames.shape[1:3]
    if keypoints is not None:
        found = from_pose_keypoint(Path(keypoints), width, height).cut(len(video.frames))
    else:
        found = DWPose(Path(dwpose) / DETECTOR, Path(dwpose) / POSE)(video.frames, callback)
    masks = face_masks(found, video.fps, faces, gaps)
    logger.info("Faces: %s.", masks.summary)
    for line in masks.report:
        logger.debug(line)
    return masks.boxes


def read_mask(path: Path, video: Video) -> Tensor:
    if path.suffix.lower() in PICTURES:
        grey = read_picture(path).mean(-1)[None]
    else:
        grey = read_video(path).frames.mean(-1)
    frames, height, width = video.frames.shape[:3]
    if len(grey) != 1 and len(grey) < frames:
        raise InputError(
            f"The mask {path} has {len(grey)} frames, the video has {frames}. Give a mask for each, or a "
            "picture for all."
        )
    if abs(grey.shape[2] * height / (grey.shape[1] * width) - 1) > SAME_SHAPE:
        raise InputError(
            f"The mask {path} is {grey.shape[2]}x{grey.shape[1]}, the video {width}x{height}. Draw it on a "
            "frame of the video."
        )
    scaled = Fit((grey.shape[2], grey.shape[1]), (width, height), (width, height)).apply(grey[..., None])
    return (scaled[:frames, ..., 0] > 0.5).float()
