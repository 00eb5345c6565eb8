"""What is measured on a video that a server made of the bundled people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..audio.reading import mono_16k
from ..conditioning.faces import face_masks
from ..conditioning.pose import Keypoints, from_pose_keypoint
from ..demo.curves import mouth_curves
from ..evaluation.agreement import correlation, psnr
from ..evaluation.mouth import mouth_area
from ..evaluation.reader import Reader
from ..evaluation.sheets import Curve, Row, contact_sheet, loudness
from ..media.compositing import layers
from ..media.reading import Video, read_video
from ..media.sound import Audio, read_audio
from ..media.video import open_video
from ..pipeline.region import find_region
from .tasks import Task

LAGS = 6  # frames before and after


@dataclass(frozen=True)
class LipGap:
    """The gap between the lips against the loudness of the voice."""

    r: float  # at the same frame
    best_r: float
    best_lag: int  # frames by which the mouth comes later than the voice
    range: float  # 5th to 95th percentile of the gap


@dataclass(frozen=True)
class Outside:
    """Of a dub, where the feathered mask is 0: the source's own pixels, but for the encoding of the file."""

    psnr: float  # dB
    largest: float  # difference, of 255


def measure(task: Task, path: Path, sheet: Path) -> dict[str, object]:
    """Figures of a video; writes a contact sheet."""
    video = read_video(path)
    landmarks = landmarks_of(task, video)
    opening = gap_of(task, video, landmarks)
    gap = lip_gap(task, video, opening.numpy())
    figures: dict[str, object] = {
        "frames": len(video.frames), "fps": video.fps, "size": list(video.frames.shape[2:0:-1]),
        "lip_gap": asdict(gap),
    }  # fmt: skip
    if task.kind == "dub":
        figures["outside"] = asdict(outside(task, video))
    seconds = len(video.frames) / video.fps
    voice = read_audio(task.recording)
    spoken = Audio(voice.samples[:, : round(seconds * voice.sample_rate)], voice.sample_rate)
    curves = (Curve("lip gap", opening), loudness(spoken))
    contact_sheet(sheet, [Row(task.name, video.frames, seconds, curves)], columns=10)
    return figures


def landmarks_of(task: Task, video: Video) -> Tensor:
    """[f 68 2] of a dub, whose face moves as the source's; [1 68 2] of the portrait otherwise; pixels of the video."""
    height, width = video.frames.shape[1:3]
    file = task.person.keypoints if task.kind == "dub" else task.person.portrait_keypoints
    pose = json.loads(file.read_text(encoding="utf-8"))
    own = pose[0]["canvas_width"], pose[0]["canvas_height"]
    found = first_faces(from_pose_keypoint(pose, *own))
    scale = max(width / own[0], height / own[1])  # as a picture is fitted that covers the video
    shift = torch.tensor([width - own[0] * scale, height - own[1] * scale]) / 2
    placed = found * scale + shift
    count = len(video.frames)
    return placed[[min(i, len(placed) - 1) for i in range(count)]] if task.kind == "dub" else placed[:1]


def first_faces(found: Keypoints) -> Tensor:
    return torch.stack([faces[0, :, :2] for faces in found.faces])


def gap_of(task: Task, video: Video, landmarks: Tensor) -> Tensor:
    """How far the lips are apart in each frame, [f]: of rendered people as the bundled reader sees it, of the drawn
    face by its dark mouth."""
    if task.people:
        return Reader.load().read(video.frames, landmarks).opening
    height, width = video.frames.shape[1:3]
    faces = Keypoints.of_one_face(landmarks.expand(len(video.frames), -1, -1), width, height)
    return mouth_area(video.frames, face_masks(faces, video.fps).boxes)


def lip_gap(task: Task, video: Video, gap: NDArray) -> LipGap:
    count = len(video.frames)
    voice = mouth_curves(mono_16k(read_audio(task.recording)), count, video.fps).opening
    found = {lag: _shifted(gap, voice, lag) for lag in range(-LAGS, LAGS + 1)}
    best = max(found, key=lambda lag: found[lag])
    low, high = np.percentile(gap, [5, 95])
    return LipGap(round(found[0], 3), round(found[best], 3), best, round(float(high - low), 4))


def _shifted(gap: NDArray, voice: NDArray, lag: int) -> float:
    length = min(len(gap), len(voice)) - abs(lag)
    a, b = gap[max(lag, 0) :][:length], voice[max(-lag, 0) :][:length]
    return correlation(a, b) if length > 2 and a.std() > 0 and b.std() > 0 else 0.0


def outside(task: Task, video: Video) -> Outside:
    """Against the source itself, frame by frame."""
    source = open_video(task.person.video)
    region = find_region(source, keypoints=task.person.keypoints)
    pairs = [
        (layer.original[layer.weight == 0], layer.made[layer.weight == 0])
        for layer, _ in zip(layers(video.frames, source, region), range(len(video.frames)), strict=False)
    ]
    originals, made = (torch.cat(part) for part in zip(*pairs, strict=True))
    return Outside(round(psnr(originals, made), 2), round(float((originals - made).abs().max()) * 255, 1))
