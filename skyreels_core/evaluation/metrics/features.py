"""FID and FVD: the distance between the features of all clips and those of all references, by networks that the user
gives as the TorchScript files that the field uses.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ...errors import InputError, first_words
from .frechet import Gaussian, frechet_distance
from .metric import LOWER, Clip, Figure, Measured, Needs
from .weights import Weights, WeightsFile

INCEPTION = WeightsFile(("inception-2015-12-05.pt",), "the Inception network")
I3D = WeightsFile(("i3d_torchscript.pt",), "the I3D network")
FRAMES_AT_ONCE = 8
CLIP_FRAMES, CLIP_SIDE = 16, 224  # of what I3D sees


class Fid:
    """Of every frame. The network takes 8-bit RGB at the video's own size and scales it to 299x299 itself."""

    name: ClassVar[str] = "fid"
    figures: ClassVar = (Figure("fid", "", LOWER),)
    needs: ClassVar[Needs] = Needs(files=(INCEPTION,))

    def __init__(self, weights: Weights) -> None:
        self.path = weights.path(INCEPTION)
        self.network = load_script(self.path)

    def meter(self, clip: Clip) -> FeatureMeter:
        return FeatureMeter(self, FRAMES_AT_ONCE, whole=False)

    def prepared(self, frame: Tensor) -> Tensor:
        """[3 h w] uint8"""
        return to_bytes(frame).permute(2, 0, 1)

    def features(self, frames: list[Tensor]) -> Tensor:
        return call(self.path, self.network, torch.stack(frames), return_features=True)

    def distance(self, made: Gaussian, reference: Gaussian) -> float:
        return frechet_distance(made, reference)


class Fvd:
    """Of runs of 16 frames that follow each other without overlap; what is left at the end is not used."""

    name: ClassVar[str] = "fvd"
    figures: ClassVar = (Figure("fvd", "", LOWER),)
    needs: ClassVar[Needs] = Needs(files=(I3D,))

    def __init__(self, weights: Weights) -> None:
        self.path = weights.path(I3D)
        self.network = load_script(self.path)

    def meter(self, clip: Clip) -> FeatureMeter:
        return FeatureMeter(self, CLIP_FRAMES, whole=True)

    def prepared(self, frame: Tensor) -> Tensor:
        """[3 224 224] in -1..1: the shorter side is scaled to 224, the middle is cut out."""
        height, width = frame.shape[:2]
        scale = CLIP_SIDE / min(height, width)
        size = (CLIP_SIDE, ceil(width * scale)) if height < width else (ceil(height * scale), CLIP_SIDE)
        values = (to_bytes(frame).permute(2, 0, 1)[None] / 255.0).float()
        scaled = interpolate(values, size=size, mode="bilinear", align_corners=False)[0]
        top, left = (size[0] - CLIP_SIDE) // 2, (size[1] - CLIP_SIDE) // 2
        return (scaled[:, top : top + CLIP_SIDE, left : left + CLIP_SIDE] - 0.5) * 2

    def features(self, frames: list[Tensor]) -> Tensor:
        clip = torch.stack(frames, dim=1)[None]  # [1 3 16 224 224]
        return call(self.path, self.network, clip, rescale=False, resize=False, return_features=True)

    def distance(self, made: Gaussian, reference: Gaussian) -> float:
        return frechet_distance(made, reference)


class FeatureMeter:
    """Features [n d] of frames that are given to the network a few at a time."""

    def __init__(self, metric: Fid | Fvd, at_once: int, whole: bool) -> None:
        self.metric, self.at_once, self.whole = metric, at_once, whole
        self.held: list[Tensor] = []
        self.found: list[Tensor] = []

    def add(self, frame: Tensor) -> None:
        self.held.append(self.metric.prepared(frame))
        if len(self.held) == self.at_once:
            self._flush()

    def result(self) -> Measured:
        if self.held and not self.whole:
            self._flush()
        if not self.found:
            return Measured(note=f"the clip is shorter than {self.at_once} frames")
        return Measured(features=torch.cat(self.found).numpy())

    def _flush(self) -> None:
        self.found.append(self.metric.features(self.held).float().cpu().flatten(1))
        self.held = []


def to_bytes(frame: Tensor) -> Tensor:
    return (frame[..., :3] * 255).round().clamp(0, 255).byte()


def load_script(path: Path) -> torch.jit.ScriptModule:
    """Raises InputError for what is no TorchScript file."""
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a TorchScript file ({first_words(error)}). Download it again; other forms of "
            "the network cannot be used."
        ) from error


@torch.no_grad()
def call(path: Path, network: torch.jit.ScriptModule, pictures: Tensor, **options: bool) -> Tensor:
    """Raises InputError for another network than the one that is needed."""
    try:
        return network(pictures, **options)
    except RuntimeError as error:
        raise InputError(
            f"{path} cannot be called with {list(pictures.shape)} and {', '.join(options)} ({first_words(error)}). "
            f"Give the {path.name} that docs/evaluation.md names."
        ) from error
