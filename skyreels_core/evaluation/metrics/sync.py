"""Sync-C, Sync-D and the offset, by SyncNet's distances over shifts of 15 frames to both sides.

The arithmetic is that of the published evaluation (`SyncNetInstance.evaluate`): distances of each lip window to the
voice's windows around it, their mean over time for each shift, the smallest of the means (Sync-D), and the median minus
the smallest (Sync-C). Its preprocessing and where ours differs: docs/evaluation.md.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import floor
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pairwise_distance

from ...audio.reading import mono_16k
from ...media.footage import indices_on_screen
from ...media.sound import Audio
from ...timeline import SAMPLE_RATE
from .faces import Faces, median_smoothed
from .metric import HIGHER, LOWER, NEITHER, Clip, Figure, Measured, Needs
from .mfcc import mfcc, to_int16
from .syncnet import COEFFICIENTS, FRAMES, SIDE, STEPS, WIDTH, SyncNet, load_syncnet
from .weights import Weights, WeightsFile

SYNCNET = WeightsFile(
    ("syncnet_v2.model", "syncnet_v2.pth", "syncnet_v2.safetensors", "syncnet.pth", "syncnet.safetensors"),
    "SyncNet's weights",
)
FPS = 25
SHIFT = 15  # frames
STEPS_PER_FRAME = 4  # of the MFCC
AT_ONCE = 12  # frames that are encoded together
BEYOND = 0.4  # of the half side, that the crop reaches beyond the box to left, right and twice below
GREY = 110  # of what lies outside the picture
SMOOTHING = 13  # frames of the running median over boxes


@dataclass
class ShiftedDistances:
    """Mean distances for each shift, of windows that come in order; beyond its ends the voice is zeros."""

    totals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2 * SHIFT + 1))
    count: int = 0

    def add(self, lips: Tensor, voice: Tensor) -> None:
        """lips [n d]; voice [n + 30 d], from 15 windows before the first of them on."""
        shifted = voice.unfold(0, 2 * SHIFT + 1, 1).transpose(1, 2)  # [n 31 d]
        distances = pairwise_distance(lips[:, None].expand_as(shifted), shifted)
        self.totals += distances.double().sum(0).numpy()
        self.count += len(lips)

    def figures(self) -> dict[str, float]:
        means = self.totals / self.count
        best = int(means.argmin())
        return {
            "sync_c": float(np.median(means) - means[best]),
            "sync_d": float(means[best]),
            "sync_offset": float(SHIFT - best),
        }


class Sync:
    """An offset of n: the lips belong to the voice n frames earlier; they are late where it is positive."""

    name: ClassVar[str] = "sync"
    figures: ClassVar = (
        Figure("sync_c", "", HIGHER),
        Figure("sync_d", "", LOWER),
        Figure("sync_offset", "frames at 25 fps", NEITHER),
    )
    needs: ClassVar[Needs] = Needs(files=(SYNCNET,), voice=True, faces=True)

    def __init__(self, weights: Weights) -> None:
        self.network = load_syncnet(weights.path(SYNCNET))

    def meter(self, clip: Clip) -> SyncMeter:
        assert clip.voice is not None and clip.faces is not None  # it needs both
        return SyncMeter(self.network, clip.voice, clip.faces, clip.fps, len(clip.video))


class SyncMeter:
    def __init__(self, network: SyncNet, voice: Audio, faces: Faces, fps: float, frames: int) -> None:
        self.network = network
        self.crops = FaceCrops(faces)
        samples = to_int16(mono_16k(voice).numpy())
        shown = frames_at(FPS, fps, frames)
        length = min(len(shown), len(samples) * FPS // SAMPLE_RATE)
        self.windows = max(0, length - FRAMES)  # as the published evaluation counts them
        self.times = np.bincount(shown[: self.windows + FRAMES - 1], minlength=frames)
        self.voice = VoiceWindows(
            network, mfcc(samples) if self.windows else np.zeros((0, COEFFICIENTS)), self.windows
        )
        self.distances = ShiftedDistances()
        self.index, self.held = 0, []

    def add(self, frame: Tensor) -> None:
        times = self.times[self.index] if self.windows and self.index < len(self.times) else 0
        if times:
            self.held += [self.crops(frame, self.index)] * int(times)
        self.index += 1
        while len(self.held) >= AT_ONCE:
            self._encode(AT_ONCE)

    def result(self) -> Measured:
        if not self.windows:
            return Measured(note=f"the clip is shorter than {FRAMES + 1} frames at {FPS} fps")
        if len(self.held) >= FRAMES:
            self._encode(len(self.held))
        return Measured(self.distances.figures())

    @torch.no_grad()
    def _encode(self, count: int) -> None:
        lips = self.network.lips(torch.stack(self.held[:count]))
        first = self.distances.count
        self.distances.add(lips, self.voice.between(first - SHIFT, first + len(lips) + SHIFT))
        del self.held[: len(lips)]


class VoiceWindows:
    """Encoded windows of a voice, computed when they are asked for and dropped when they are past."""

    def __init__(self, network: SyncNet, coefficients: NDArray, count: int) -> None:
        self.network, self.count = network, count
        self.coefficients = torch.from_numpy(coefficients).float()
        self.held: deque[Tensor] = deque()
        self.first = 0

    def between(self, first: int, last: int) -> Tensor:
        """[last - first 1024]; zeros before the first and after the last window. `first` never decreases."""
        while self.held and self.first < first:
            self.held.popleft()
            self.first += 1
        if (end := min(last, self.count)) > (start := self.first + len(self.held)):
            self.held.extend(self.network.voice(self._windows(start, end)))
        inside = torch.stack(list(self.held)) if self.held else torch.zeros(0, WIDTH)
        before, after = max(0, -first), last - max(first, 0) - len(self.held)
        return torch.cat([torch.zeros(before, WIDTH), inside, torch.zeros(after, WIDTH)])

    def _windows(self, first: int, last: int) -> Tensor:
        """[n 13 20]"""
        part = self.coefficients[first * STEPS_PER_FRAME : (last - 1) * STEPS_PER_FRAME + STEPS]
        return part.unfold(0, STEPS, STEPS_PER_FRAME)


class FaceCrops:
    """The crop of the published pipeline: a square of 1.4 box sides around the face, lower than its middle."""

    def __init__(self, faces: Faces) -> None:
        boxes = faces.boxes
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        halves = (boxes[:, 2:] - boxes[:, :2]).max(1) / 2
        self.centres, self.halves = (median_smoothed(values, SMOOTHING) for values in (centres, halves))

    def __call__(self, frame: Tensor, index: int) -> Tensor:
        """[3 224 224], BGR in 0..255"""
        (x, y), half = self.centres[index], self.halves[index]
        left, top = floor(x - half * (1 + BEYOND)), floor(y - half)
        right, bottom = floor(x + half * (1 + BEYOND)), floor(y + half * (1 + 2 * BEYOND))
        height, width = frame.shape[:2]
        picture = (frame[..., :3] * 255).round().clamp(0, 255).byte().numpy()[..., ::-1]
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            return torch.full((3, SIDE, SIDE), float(GREY))
        inside = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        around = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
        square = cv2.copyMakeBorder(
            np.ascontiguousarray(inside), *around, cv2.BORDER_CONSTANT, value=(GREY,) * 3
        )
        return torch.from_numpy(cv2.resize(square, (SIDE, SIDE))).permute(2, 0, 1).float()


def frames_at(target: float, fps: float, frames: int) -> NDArray[np.int64]:
    """Which frame of a video is on screen at the middle of each of another rate, [n]."""
    if abs(target - fps) < 1e-3:
        return np.arange(frames)
    middles = (np.arange(int(frames / fps * target + 1e-6)) + 0.5) / target
    return indices_on_screen(np.arange(frames) / fps, middles)
