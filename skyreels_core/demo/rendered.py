"""Rendered people as training sees them: cut, resized, mirrored and tinted for the VAE, as clips for the rest."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..conditioning.faces import face_masks
from ..conditioning.pose import OUTER_LIP, Keypoints
from ..errors import InputError
from ..training.clips import Clip
from .material import Footage, detail_weight
from .people.shards import Shard, Shards

CLOSEST = 0.75  # of the picture's side, what the nearest view shows
LARGE = 160  # pixels from which on a side a portrait shows the whole picture
ABOVE = 0.35  # share of what a nearer portrait leaves out that is above it
TINT, GAMMA = 0.05, 0.12  # most that a colour channel and the contrast are changed
NEARER = 0.85  # of a portrait's side, what its nearest variation shows
BESIDE = 0.06  # of that side, the most that a variation is moved


@dataclass(frozen=True)
class View:
    """A part of pictures, as wide as high in the ratio of `size`, and the size (height, width) it is shown at."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]
    mirrored: bool = False

    @classmethod
    def draw(cls, rng: np.random.Generator, picture: tuple[int, int], size: tuple[int, int]) -> View:
        """Anywhere, of at least CLOSEST of the largest possible one."""
        whole = cls.whole(picture, size)
        share = rng.uniform(CLOSEST, 1)
        height, width = round(whole.height * share), round(whole.width * share)
        top, left = (int(rng.integers(0, p - s + 1)) for p, s in zip(picture, (height, width), strict=True))
        return cls(top, left, height, width, size, bool(rng.random() < 0.5))

    @classmethod
    def whole(cls, picture: tuple[int, int], size: tuple[int, int]) -> View:
        """The largest part in the middle."""
        scale = min(picture[0] / size[0], picture[1] / size[1])
        height, width = round(size[0] * scale), round(size[1] * scale)
        return cls((picture[0] - height) // 2, (picture[1] - width) // 2, height, width, size)

    @classmethod
    def portrait(cls, picture: tuple[int, int], size: tuple[int, int]) -> View:
        """What a talking person is shown at: the whole, or the face from nearer where there are few pixels."""
        whole = cls.whole(picture, size)
        if min(size) >= LARGE:
            return whole
        height, width = round(whole.height * CLOSEST), round(whole.width * CLOSEST)
        top = whole.top + round((whole.height - height) * ABOVE)
        return cls(top, whole.left + (whole.width - width) // 2, height, width, size)

    def varied(self, rng: np.random.Generator, picture: tuple[int, int]) -> View:
        """About the same part, or its mirror image."""
        share = rng.uniform(NEARER, 1)
        height, width = round(self.height * share), round(self.width * share)
        moved = rng.uniform(-BESIDE, BESIDE, 2) * (self.height, self.width)
        top = round(self.top + (self.height - height) / 2 + moved[0])
        left = round(self.left + (self.width - width) / 2 + moved[1])
        top, left = min(max(0, top), picture[0] - height), min(max(0, left), picture[1] - width)
        return View(top, left, height, width, self.size, bool(rng.random() < 0.5))

    def of(self, frames: NDArray[np.uint8]) -> Tensor:
        """[f h w 3] of 0..255 to [f *size 3] in 0..1."""
        cut = frames[:, self.top : self.top + self.height, self.left : self.left + self.width]
        video = torch.from_numpy(np.array(cut)).permute(0, 3, 1, 2).float() / 255
        if video.shape[2:] != self.size:
            video = F.interpolate(video, self.size, mode="bicubic", antialias=True).clamp(0, 1)
        return (video.flip(3) if self.mirrored else video).permute(0, 2, 3, 1)

    def places(self, landmarks: Tensor) -> Tensor:
        """Pixels (x, y) [... 2] of the pictures to those of the view; left and right keep their numbers."""
        moved = (landmarks - torch.tensor([self.left, self.top])) * self.size[1] / self.width
        if self.mirrored:
            moved = torch.stack([self.size[1] - moved[..., 0], moved[..., 1]], dim=-1)
        return moved


@dataclass(frozen=True)
class TakeFaces:
    """What a VAE learns from: takes of a folder; size: pixels on a side of a usual picture."""

    folder: str
    size: int

    def clips(
        self, seeds: Sequence[int], frames: int, mouth: float, size: tuple[int, int] | None = None
    ) -> list[Footage]:
        known = Shards.of(self.folder).now()
        return [self._clip(known, seed, frames, mouth, size or (self.size, self.size)) for seed in seeds]

    def _clip(
        self, known: list[Shard], seed: int, frames: int, mouth: float, size: tuple[int, int]
    ) -> Footage:
        rng = np.random.default_rng(seed)
        long_enough = [shard for shard in known if len(shard) >= frames]
        if not long_enough:
            raise InputError(f"{self.folder} holds no take of {frames} frames; render longer ones.")
        shard = long_enough[int(rng.integers(len(long_enough)))]
        first = int(rng.integers(len(shard) - frames + 1))
        cut = slice(first, first + frames)
        pictures = shard.frames
        view = View.draw(rng, pictures.shape[1:3], size)
        landmarks = view.places(shard.landmarks[cut])
        seen = _tinted(view.of(pictures[cut]), rng)
        centre = landmarks[0, OUTER_LIP].mean(0).clamp(torch.zeros(2), torch.tensor(size[::-1]))
        return Footage(seen, detail_weight(landmarks, *size, mouth), centre)


def _tinted(frames: Tensor, rng: np.random.Generator) -> Tensor:
    gains = torch.from_numpy(rng.uniform(1 - TINT, 1 + TINT, 3)).float()
    return (frames.clamp_min(1e-4) ** float(rng.uniform(1 - GAMMA, 1 + GAMMA)) * gains).clamp(0, 1)


@dataclass(frozen=True)
class TakeClips:
    """What a transformer learns from: clips of a folder's takes, `step` frames apart, of one size each.

    Each take is shown so often more as `variations` says: from a little nearer or beside, in other colours, half of
    them as in a mirror.
    """

    folder: str
    frames: int
    height: int
    width: int
    step: int
    first: int = 0  # of every `every` clips, so that several sizes share a folder
    every: int = 1
    variations: int = 0

    @property
    def shards(self) -> list[Shard]:
        return Shards.of(self.folder).settled

    @functools.cached_property
    def index(self) -> list[tuple[int, int, int]]:
        """(take, first frame, variation) of every clip, shuffled: any first part of them shows all kinds."""
        if self.variations < 0:
            raise InputError(
                f"`variations` is {self.variations}; give how many of each take there are, 0 or more."
            )
        takes = [
            (t, len(shard), v) for v in range(1 + self.variations) for t, shard in enumerate(self.shards)
        ]
        starts = [(t, f, v) for t, n, v in takes for f in range(0, n - self.frames + 1, self.step)]
        random.Random(0).shuffle(starts)
        return starts[self.first :: self.every]

    def __len__(self) -> int:
        return len(self.index)

    def captions(self) -> list[str]:
        return [shard.caption for shard in self.shards]

    def clip(self, index: int) -> Clip:
        number, first, variation = self.index[index]
        shard, cut = self.shards[number], slice(first, first + self.frames)
        pictures, rng = shard.frames, np.random.default_rng((number, variation))
        view = View.portrait(pictures.shape[1:3], (self.height, self.width))
        view = view.varied(rng, pictures.shape[1:3]) if variation else view
        places = view.places(shard.landmarks[cut])
        masks = face_masks(Keypoints.of_one_face(places, self.width, self.height), shard.fps)
        frames = view.of(pictures[cut])
        frames = _tinted(frames, rng) if variation else frames
        return Clip(frames, shard.fps, shard.samples, first, shard.caption, masks.boxes, masks.lips)
