"""Three videos of what comes with the package, each with a sheet: is the mouth where the voice is?"""

from __future__ import annotations

import logging
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import assets
from ..api.inputs import face_mask
from ..api.model import Model, open_model
from ..api.video import Video
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
from ..pipeline.run import Progress
from ..timeline import Timeline
from .choices import choose, options_of
from .progress import Bars

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DemoContext:
    """Where the three videos are made, and how."""

    folder: Path
    model: Model
    options: dict[str, Any]


def demo(args: Namespace) -> None:
    model, _ = choose(args)
    folder = make_folder(args.output)
    with open_model(model) as loaded:
        context = DemoContext(folder, loaded, options_of(args))
        with Bars() as bars:
            animate_portrait(context, "animation", 1, bars)
        with Bars() as bars:
            edit_video(context, "edit", 2, bars)
        with Bars() as bars:
            animate_portrait(context, "long", "long", bars)


def make_folder(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the videos.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def animate_portrait(context: DemoContext, name: str, voice: int | str, progress: Progress) -> None:
    picture = read_picture(assets.portrait())
    video = context.model.animate(
        picture, assets.voice(voice), assets.caption(), progress=progress, **context.options
    )
    frames = torch.stack(list(video))
    keypoints = from_pose_keypoint(assets.portrait_keypoints(), picture.shape[1], picture.shape[0])
    box, _ = fit(face_masks(keypoints, video.fps).boxes[..., None], frames.shape[2], frames.shape[1])
    keep(context, name, video, frames, [face_row("animation", frames, video.fps, box[..., 0], video.audio)])


def edit_video(context: DemoContext, name: str, voice: int, progress: Progress) -> None:
    audio = read_audio(assets.voice(voice))
    source = read_video(assets.video(), audio.seconds)
    region = face_mask(assets.keypoints()).of(source)
    video = context.model.edit(source, audio, region, progress=progress, **context.options)
    frames, boxes = torch.stack(list(video)), collect(region)
    assert source.audio is not None  # the bundled video speaks
    before = face_row("source", source.frames[: len(frames)], source.fps, boxes, source.audio)
    keep(context, name, video, frames, [before, face_row("edit", frames, video.fps, boxes, video.audio)])


def face_row(label: str, frames: Tensor, fps: float, boxes: Tensor, audio: Audio) -> Row:
    """Frames over the curves of the mouth and of the voice that goes with them."""
    mouth = Curve("mouth", mouth_area(frames, boxes[: len(frames)]))
    voice = cut_voice(audio, Timeline(len(frames), fps))
    return Row(label, frames, len(frames) / fps, (mouth, loudness(voice)))


def keep(context: DemoContext, name: str, video: Video, frames: Tensor, rows: list[Row]) -> None:
    path = context.folder / f"{name}.mp4"
    write_video(path, frames, video.fps, video.audio)
    contact_sheet(path.with_suffix(".png"), rows)
    logger.info(video.report.summary())
    print(path)
