"""Which part of a video an edit regenerates: from a mask, from keypoints, or found with DWPose or YuNet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from ..conditioning.dwpose import DWPose
from ..conditioning.faces import Faces, Gaps, face_masks
from ..conditioning.pose import from_pose_keypoint
from ..conditioning.yunet import YuNet
from ..errors import InputError, naming
from ..media.cuts import find_shots
from ..media.footage import Footage, Frames, InMemoryFrames, TruncatedFrames, following, open_video
from ..media.kinds import is_animated
from ..media.reading import Fit, read_picture
from ..media.region import Region, check_count, check_shape
from ..media.video import opened

DETECTOR, POSE = "yolox_l.onnx", "dw-ll_ucoco_384.onnx"
UNREAD_ALPHA = ("vp8", "vp9")  # FFmpeg's own decoders of them leave it out
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2")

logger = logging.getLogger(__name__)


def find_region(
    video: Footage,
    mask: str | Path | None = None,
    keypoints: str | Path | None = None,
    dwpose: str | Path | None = None,
    faces: Faces = "largest",
    gaps: Gaps = "pass_through",
    callback: Callable[[int], None] | None = None,
    yunet: str | Path | None = None,
) -> Region:
    """Masks of 0 and 1 at the video's size, 1 = to regenerate.

    One of four has to be given: `mask`, a picture or a video in which white is regenerated, and black and
    transparent are not; `keypoints`, a JSON file in POSE_KEYPOINT form; `dwpose`, the folder of DWPose's two ONNX
    files; `yunet`, YuNet's ONNX file. `callback` is called for every frame in which faces or cuts were looked for.
    Raises InputError for none or several, and where they do not fit.
    """
    check_one_way(mask, keypoints, dwpose, yunet)
    if mask is not None:
        return read_mask(Path(mask), video)
    if keypoints is not None:
        with naming(keypoints):
            found, lines = from_pose_keypoint(Path(keypoints), *video.size).over(video)
        for line in lines:
            logger.info(line)
        shots = find_shots(video, callback)
    else:
        found = _detector(dwpose, yunet)(video, callback)
        shots = find_shots(video)
    with naming(keypoints):
        masks = face_masks(found, video.fps, faces, gaps, shots)
    logger.info("Faces: %s.", masks.summary)
    for line in masks.report:
        logger.debug(line)
    return masks.box_region


def _detector(dwpose: str | Path | None, yunet: str | Path | None) -> DWPose | YuNet:
    if yunet is not None:
        return YuNet(yunet)
    assert dwpose is not None  # one of the ways is given
    return DWPose(Path(dwpose) / DETECTOR, Path(dwpose) / POSE)


def check_one_way(*ways: str | Path | None) -> None:
    given = sum(way is not None for way in ways)
    if given != 1:
        raise InputError(
            f"Choose exactly one way to mark the region to regenerate ({given} given): a mask, which is a "
            "picture or video with white around the mouth (--mask), keypoints of the face as POSE_KEYPOINT JSON "
            f"(--keypoints), the folder with DWPose's {DETECTOR} and {POSE} (--dwpose), or YuNet's ONNX file (--yunet)."
        )


@dataclass(frozen=True)
class Mask:
    """What is white in pictures, at another size."""

    pictures: Frames
    size: tuple[int, int]  # width and height, pixels

    def __len__(self) -> int:
        return len(self.pictures)

    def stream(self, first: int = 0) -> Iterator[Tensor]:
        fit = Fit(self.pictures.size, self.size, self.size)
        for picture in self.pictures.stream(first):
            grey = picture.mean(-1, keepdim=True)
            yield (fit.apply(grey)[..., 0] > 0.5).float()


def read_mask(path: Path, video: Footage) -> Region:
    single = path.suffix.lower() in PICTURES and not (path.is_file() and is_animated(path))
    pictures = InMemoryFrames(read_picture(path, behind=0.0)[None]) if single else moving_masks(path)
    pictures, frames = following(pictures, video), len(video)
    if len(pictures) > 1:
        remedy = "Give a mask for each, or a picture for all."
        check_count(f"The mask {path} has", len(pictures), frames, remedy)
    remedy = "Draw it on a frame of the video."
    check_shape(f"The mask {path} is", pictures.size, video.size, remedy, "the video")
    return Mask(TruncatedFrames(pictures, frames), video.size)


def moving_masks(path: Path) -> Frames:
    """Those of a video; a single picture, such as a GIF, is one for all frames however long it is shown."""
    with opened(path) as stream:
        hidden = stream.metadata.get("alpha_mode") == "1" and stream.codec_context.name in UNREAD_ALPHA
    if hidden:
        raise InputError(
            f"The mask {path} has transparency that is not read from VP8 and VP9. Export it in black and white, or as "
            "ProRes 4444."
        )
    file = replace(open_video(path), over_black=True)
    return TruncatedFrames(file, 1) if file.decoded == 1 else file
