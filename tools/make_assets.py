"""The bundled portrait, video and voices, regenerated: `python -m tools.make_assets`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from skyreels_core import assets
from skyreels_core.conditioning.pose import Keypoints, to_pose_keypoint
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.faces import DrawnFace, Identity, Motion, draw_face
from skyreels_core.demo.voices import Voice, speak
from skyreels_core.media.encoding import Encoding
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_picture, write_video
from skyreels_core.timeline import Timeline

FPS, SIZE = 25.0, 96
# RMS of a voice where it sounds.
LEVEL = 0.08
SPOKEN = {
    "voice_1.flac": (
        Voice("en-us+f3", 150, 55),
        "Hello! I am a drawing, and this is my voice. Give me yours.",
    ),
    "voice_2.flac": (Voice("en-gb+m6", 150, 40), "The weather is lovely today, so we walk along the river."),
    "voice_long.flac": (
        Voice("en-gb+f5", 145, 50),
        "Once upon a time a blue parrot lived in a lighthouse. Every evening it told the ships a story. "
        "Nobody believed a word of it. But all of them came home.",
    ),
    "source": (
        Voice("en-us+m2", 155, 45),
        "Please leave a message after the tone. We will call you back soon.",
    ),
}
PORTRAIT = Identity(
    "brown", "long", "fair", "blue", "green", "happy", 0.40, 1.0, 1.0, 1.0, (0.25, 0.42, 0.60)
)
SPEAKER = Identity("red", "short", "fair", "violet", "navy", "calm", 0.40, 1.0, 1.0, 1.02, (0.30, 0.45, 0.30))


def main() -> None:
    voices = {name: _level(speak(text, voice)) for name, (voice, text) in SPOKEN.items()}
    source = voices.pop("source")
    for name, samples in voices.items():
        soundfile.write(_place(name), samples.numpy(), 16000, subtype="PCM_16")
    portrait = _draw(PORTRAIT, torch.zeros(16000), seed=5)
    write_picture(_place("portrait.png"), portrait.frames[0])
    _place("caption.txt").write_text(PORTRAIT.caption + "\n")
    _landmarks("portrait.json", portrait, 1)
    clip = _draw(SPEAKER, source, seed=6)
    write_video(_place("video.mp4"), clip.frames, FPS, Audio(source[None], 16000), Encoding(crf=6))
    _landmarks("video.json", clip, len(clip.frames))


def _draw(identity: Identity, samples: torch.Tensor, seed: int) -> DrawnFace:
    curves = mouth_curves(samples, Timeline.from_seconds(len(samples) / 16000, FPS).frames, FPS)
    return draw_face(identity, Motion.draw(np.random.default_rng(seed), curves, FPS), curves, SIZE)


def _level(samples: torch.Tensor) -> torch.Tensor:
    return samples * (LEVEL / samples[samples.abs() > 1e-3].square().mean().sqrt())


def _landmarks(name: str, face: DrawnFace, frames: int) -> None:
    pose = to_pose_keypoint(Keypoints.of_one_face(face.landmarks[:frames].round(decimals=2), SIZE, SIZE))
    _place(name).write_text(json.dumps(pose, separators=(",", ":")))


def _place(name: str) -> Path:
    return assets.model().parent / name


if __name__ == "__main__":
    main()
