"""Small drawn clips: the bundled video's face, cut and spoilt."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from skyreels_core import assets
from skyreels_core.audio.reading import mono_16k
from skyreels_core.media.footage import open_video
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video

FRAMES, FPS = 60, 25.0
THRESHOLDS = """
shots:
  least_seconds: 1.0
quality:
  least_side: 90
portrait:
  least_face_pixels: 20
sound:
  most_silence: 0.95
  least_snr: 5
sync:
  most_p: 1
"""


def face() -> tuple[Tensor, Tensor, list]:
    """Frames [f 96 96 3], voice [n] at 16 kHz and POSE_KEYPOINT of the bundled video."""
    video = open_video(assets.video())
    frames = torch.stack(list(islice(video.stream(), FRAMES)))
    samples = mono_16k(video.audio)[: round(FRAMES / FPS * 16000)]
    pose = json.loads(assets.video().with_suffix(".json").read_text())[:FRAMES]
    return frames, samples, pose


def write(folder: Path, name: str, frames: Tensor, samples: Tensor | None, pose: list | None = None) -> Path:
    path = folder / f"{name}.mp4"
    write_video(path, iter(frames), FPS, None if samples is None else Audio(samples[None], 16000))
    if pose is not None:
        path.with_suffix(".json").write_text(json.dumps(pose))
    return path
