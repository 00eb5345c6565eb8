"""Drawn clips of 4 s, whole and with one planted fault each: what the data pipeline should keep, and what it should
refuse at which stage. Thresholds were chosen on other indices than the benchmark's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from skyreels_core.conditioning.pose import Keypoints, to_pose_keypoint
from skyreels_core.demo.curves import mouth_curves
from skyreels_core.demo.faces import Identity, Motion, draw_face
from skyreels_core.demo.unseen import FPS, SEED
from skyreels_core.demo.voices import recording
from skyreels_core.media.sound import Audio
from skyreels_core.media.writing import write_video

SIDE, SECONDS, RATE = 160, 4.0, 16000
FRAMES = round(SECONDS * FPS)


@dataclass(frozen=True)
class Raw:
    """A clip before it is a file. landmarks: of each person, [f 68 2] in pixels; none is known of a picture without
    people."""

    frames: Tensor  # [f h w 3]
    voice: Tensor  # [n] at 16 kHz
    landmarks: tuple[Tensor, ...]

    def write(self, folder: Path, name: str) -> None:
        """NAME.mp4, and NAME.json with the landmarks."""
        write_video(folder / f"{name}.mp4", iter(self.frames), FPS, Audio(self.voice[None], RATE))
        height, width = self.frames.shape[1:3]
        people = torch.stack(self.landmarks, 1) if self.landmarks else torch.zeros(len(self.frames), 0, 68, 2)
        seen = torch.cat([people, torch.ones_like(people[..., :1])], dim=-1)
        content = to_pose_keypoint(Keypoints(tuple(seen), width, height))
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def whole(index: int) -> Raw:
    """A drawn person who speaks, with a little noise in picture and sound."""
    samples = recording(SEED + index, SECONDS, unseen=True)
    curves = mouth_curves(samples, FRAMES, FPS)
    who = Identity.draw(random.Random(f"funnel {index}"))
    face = draw_face(who, Motion.draw(np.random.default_rng([SEED, index]), curves, FPS), curves, SIDE)
    noise = torch.Generator().manual_seed(index)
    frames = face.frames + 0.01 * torch.randn(face.frames.shape, generator=noise)
    voice = samples + 5e-4 * torch.randn(samples.shape, generator=noise)
    return Raw(frames.clamp(0, 1), voice, (face.landmarks,))


def blur(clip: Raw, other: Raw) -> Raw:
    soft = clip.frames.permute(0, 3, 1, 2)
    for _ in range(2):
        soft = avg_pool2d(soft, 7, 1, 3, count_include_pad=False)
    return replace(clip, frames=soft.permute(0, 2, 3, 1))


def black_bars(clip: Raw, other: Raw) -> Raw:
    frames = clip.frames.clone()
    bar = frames.shape[1] // 10
    frames[:, :bar] = 0
    frames[:, -bar:] = 0
    return replace(clip, frames=frames)


def still(clip: Raw, other: Raw) -> Raw:
    return replace(clip, frames=clip.frames[:1].expand_as(clip.frames))


def two_faces(clip: Raw, other: Raw) -> Raw:
    aside = other.landmarks[0] + torch.tensor([float(clip.frames.shape[2]), 0.0])
    count = min(len(clip.frames), len(other.frames))
    frames = torch.cat([clip.frames[:count], other.frames[:count]], dim=2)
    return replace(clip, frames=frames, landmarks=(clip.landmarks[0][:count], aside[:count]))


def no_face(clip: Raw, other: Raw) -> Raw:
    """Slow clouds in the colours of the clip."""
    random_ = torch.Generator().manual_seed(int(clip.voice.abs().sum() * 1000))
    fields = torch.rand(2, 3, 6, 6, generator=random_)
    share = torch.linspace(0, 1, len(clip.frames))[:, None, None, None]
    size = tuple(clip.frames.shape[1:3])
    clouds = interpolate(fields[:1] * (1 - share) + fields[1:] * share, size, mode="bicubic")
    grain = 0.02 * torch.randn(clip.frames.shape, generator=random_)
    return replace(clip, frames=(clouds.permute(0, 2, 3, 1) + grain).clamp(0, 1), landmarks=())


def small_face(clip: Raw, other: Raw) -> Raw:
    """A fifth of its size, before its own colour."""
    height, width = clip.frames.shape[1:3]
    small = (width // 5, height // 5)
    shrunk = np.stack([cv2.resize(f.numpy(), small, interpolation=cv2.INTER_AREA) for f in clip.frames])
    left, top = (width - small[0]) // 2, (height - small[1]) // 2
    around = (left, width - small[0] - left, top, height - small[1] - top)
    frames = pad(torch.from_numpy(shrunk).permute(0, 3, 1, 2), around, mode="replicate").permute(0, 2, 3, 1)
    return replace(clip, frames=frames, landmarks=(clip.landmarks[0] / 5 + torch.tensor([left, top]),))


def cut(clip: Raw, other: Raw) -> Raw:
    half = len(clip.frames) // 2
    frames = torch.cat([clip.frames[:half], other.frames[half:]])
    points = torch.cat([clip.landmarks[0][:half], other.landmarks[0][half:]])
    return replace(clip, frames=frames, landmarks=(points,))


def silence(clip: Raw, other: Raw) -> Raw:
    return replace(clip, voice=1e-4 * clip.voice)


def noise(clip: Raw, other: Raw) -> Raw:
    """10 dB under the voice."""
    found = torch.randn(clip.voice.shape, generator=torch.Generator().manual_seed(1))
    return replace(clip, voice=mixed(clip.voice, found, -10))


def music(clip: Raw, other: Raw) -> Raw:
    """Chords of a soft organ, 10 dB under the voice."""
    times = np.arange(len(clip.voice)) / RATE
    chooses = np.random.default_rng(int(clip.voice.abs().sum() * 1000))
    notes = chooses.integers(45, 62, 1 + 2 * len(times) // RATE)
    played = np.zeros(len(times))
    for number, root in enumerate(notes):
        shape = np.clip(4 * (times - number / 2), 0, 1) * np.clip(4 * (number / 2 + 0.8 - times), 0, 1)
        for step in (0, 4, 7, 12):
            pitch = 440 * 2 ** ((root + step - 69) / 12)
            played += shape * sum(np.sin(2 * np.pi * k * pitch * times) / k**1.5 for k in range(1, 6))
    return replace(clip, voice=mixed(clip.voice, torch.from_numpy(played).float(), -10))


def wrong_sound(clip: Raw, other: Raw) -> Raw:
    length = len(clip.voice)
    return replace(clip, voice=pad(other.voice[:length], (0, max(0, length - len(other.voice)))))


def mixed(voice: Tensor, other: Tensor, level: float) -> Tensor:
    """level: of the other's power, dB over the voice's."""
    gain = voice.square().mean().sqrt() / other.square().mean().sqrt() * 10 ** (level / 20)
    both = voice + gain * other
    return both / max(1.0, float(both.abs().max()) / 0.95)


# what is planted, the stage that should find it, and how
FAULTS: dict[str, tuple[str, Callable[[Raw, Raw], Raw]]] = {
    "a cut inside": ("shots", cut),
    "blur": ("quality", blur),
    "black bars": ("quality", black_bars),
    "a still picture": ("quality", still),
    "two faces": ("portrait", two_faces),
    "no face": ("portrait", no_face),
    "a small face": ("portrait", small_face),
    "silence": ("sound", silence),
    "noise": ("sound", noise),
    "music": ("sound", music),
    "another's sound": ("sync", wrong_sound),
}

OF_TWO = ("two faces", "a cut inside", "another's sound")  # which take something of another clip
