"""Three videos of what comes with the package, each with a sheet: is the mouth where the voice is?"""

from __future__ import annotations

import logging
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .. import assets, pipeline
from ..audio.reading import cut_voice
from ..conditioning.faces import face_masks
from ..conditioning.pose import from_pose_keypoint
from ..errors import InputError
from ..evaluation.mouth import mouth_area
from ..evaluation.sheets import Curve, Row, contact_sheet, loudness
from ..media.footage import collect
from ..media.reading import fit, read_picture, read_video
from ..media.sound import Audio, read_audio
from ..media.writing import write_video
from ..model.bundle import Bundle
from ..pipeline import Result, Settings, find_region
from ..pipeline.run import Progress
from ..timeline import Timeline
from .choices import choose
from .progress import Bars

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studio:
    """Where the three videos are made, and how."""

    folder: Path
    bundle: Bundle
    settings: Settings


def demo(args: Namespace) -> None:
    model, settings = choose(args)
    studio = Studio(make_folder(args.output), model.load(), settings)
    with Bars() as bars:
        animate_portrait(studio, "animation", 1, bars)
    with Bars() as bars:
        edit_video(studio, "edit", 2, bars)
    with Bars() as bars:
        animate_portrait(studio, "long", "long", bars)


def make_folder(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the videos.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def animate_portrait(studio: Studio, name: str, voice: int | str, progress: Progress) -> None:
    picture = read_picture(assets.portrait())
    result = pipeline.animate(
        studio.bundle, read_audio(assets.voice(voice)), picture, assets.caption(),
        settings=studio.settings, progress=progress,
    )  # fmt: skip
    frames = result.tensor()
    keypoints = from_pose_keypoint(assets.portrait_keypoints(), picture.shape[1], picture.shape[0])
    box, _ = fit(face_masks(keypoints, result.fps).boxes[..., None], frames.shape[2], frames.shape[1])
    keep(studio, name, result, frames, [face_row("animation", frames, result.fps, box[..., 0], result.audio)])


def edit_video(studio: Studio, name: str, voice: int, progress: Progress) -> None:
    audio = read_audio(assets.voice(voice))
    video = read_video(assets.video(), audio.seconds)
    region = find_region(video, keypoints=assets.keypoints())
    result = pipeline.edit(studio.bundle, video, audio, region, settings=studio.settings, progress=progress)
    frames, boxes = result.tensor(), collect(region)
    assert video.audio is not None  # the bundled video speaks
    source = face_row("source", video.frames[: len(frames)], video.fps, boxes, video.audio)
    keep(studio, name, result, frames, [source, face_row("edit", frames, video.fps, boxes, result.audio)])


def face_row(label: str, frames: Tensor, fps: float, boxes: Tensor, audio: Audio) -> Row:
    """Frames over the curves of the mouth and of the voice that goes with them."""
    mouth = Curve("mouth", mouth_area(frames, boxes[: len(frames)]))
    voice = cut_voice(audio, Timeline(len(frames), fps))
    return Row(label, frames, len(frames) / fps, (mouth, loudness(voice)))


def keep(studio: Studio, name: str, result: Result, frames: Tensor, rows: list[Row]) -> None:
    path = studio.folder / f"{name}.mp4"
    write_video(path, frames, result.fps, result.audio)
    contact_sheet(path.with_suffix(".png"), rows)
    logger.info(result.report.summary())
    print(path)
