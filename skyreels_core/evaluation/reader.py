"""What a rendered person's mouth and eyes do, read from pixels by a small network.

It was trained on rendered people with known geometry (`python -m tools.make_reader`) and reads any of them, sharp or
slightly blurred; it knows no photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .. import assets
from ..conditioning.pose import LEFT_EYE, RIGHT_EYE
from ..files import atomic

GROUPS = ("closed", "teeth", "rounded", "open")  # of visemes, told apart by eye
MEASURES = ("opening", "width", "teeth", "closure", "inside")
SIDE = 48  # pixels of a crop
MOUTH_REACH, EYE_REACH = 0.85, 0.55  # side of a crop in distances between the outer corners of the eyes
EYES = RIGHT_EYE, LEFT_EYE  # the eye at the picture's left first
CORNERS, LIPS = (36, 45), slice(48, 68)
BATCH = 256  # crops at once


@dataclass(frozen=True, eq=False)
class Seen:
    """Per frame [f]; of the mouth in units of the outer eye corners' distance."""

    opening: Tensor  # of the lips in the middle
    width: Tensor  # from corner to corner; rounded lips are narrow
    teeth: Tensor  # visible area, in squared units
    closure: Tensor  # 0..1, 1: sealed
    inside: Tensor  # visible area between the lips, in squared units
    groups: Tensor  # [f 4] shares of GROUPS
    eyes: Tensor  # [f 2] how much of each pupil is visible, 1: as much as of an open eye

    @property
    def both_pupils(self) -> Tensor:
        """Whether both pupils are visible, bool [f]."""
        return (self.eyes > 0.3).all(1)


class CropReader(nn.Module):
    """Crops [n 3 48 48] in 0..1 to numbers [n outputs]."""

    def __init__(self, outputs: int):
        super().__init__()
        widths = (3, 16, 32, 48, 64)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.inner = nn.ModuleList(nn.Conv2d(b, b, 3, 1, 1) for b in widths[1:])
        self.hidden, self.out = nn.Linear(64 * 9, 96), nn.Linear(96, outputs)

    def forward(self, crops: Tensor) -> Tensor:
        mean, deviation = crops.mean((2, 3), keepdim=True), crops.std((1, 2, 3), keepdim=True)
        x = (crops - mean) / (deviation + 0.05)
        for outer, inner in zip(self.convolutions, self.inner, strict=True):
            x = F.silu(outer(x))
            x = x + F.silu(inner(x))
        return self.out(F.silu(self.hidden(x.flatten(1))))


@dataclass(frozen=True, eq=False)
class Reader:
    mouth: CropReader  # MEASURES, then GROUPS as logits and one for none of them
    eye: CropReader  # one number: how much of the pupil is visible

    @classmethod
    def empty(cls) -> Reader:
        return cls(CropReader(len(MEASURES) + len(GROUPS) + 1), CropReader(1))

    @classmethod
    def load(cls, path: str | Path | None = None) -> Reader:
        reader, state = cls.empty(), load_file(path or assets.reader())
        for name, network in reader.parts().items():
            prefix = f"{name}."
            own = {n.removeprefix(prefix): t.float() for n, t in state.items() if n.startswith(prefix)}
            network.load_state_dict(own)
            network.eval().requires_grad_(False)
        return reader

    def parts(self) -> dict[str, CropReader]:
        return {"mouth": self.mouth, "eye": self.eye}

    def save(self, path: str | Path) -> None:
        state = {
            f"{part}.{n}": t
            for part, network in self.parts().items()
            for n, t in network.state_dict().items()
        }
        with atomic(Path(path)) as part:
            save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, part)

    @torch.no_grad()
    def read(self, frames: Tensor, landmarks: Tensor) -> Seen:
        """frames [f h w 3] in 0..1; landmarks [f 68 2] in pixels, or [1 68 2]: of the first frame, near which the face
        stays."""
        landmarks = landmarks.expand(len(frames), -1, -1)
        said = _in_batches(self.mouth, crops(frames, *mouth_place(landmarks)))
        eyes = [_in_batches(self.eye, crops(frames, *eye_place(landmarks, eye)))[:, 0] for eye in EYES]
        values = dict(zip(MEASURES, said[:, : len(MEASURES)].unbind(1), strict=True))
        groups = said[:, len(MEASURES) : -1].softmax(1)
        return Seen(**values, groups=groups, eyes=torch.stack(eyes, dim=1))


def span(landmarks: Tensor) -> Tensor:
    """The distance between the outer corners of the eyes, [f] pixels."""
    return (landmarks[:, CORNERS[0]] - landmarks[:, CORNERS[1]]).norm(dim=1)


def mouth_place(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Centres [f 2] and sides [f] of crops around the mouth."""
    return landmarks[:, LIPS].mean(1), MOUTH_REACH * span(landmarks)


def eye_place(landmarks: Tensor, eye: slice) -> tuple[Tensor, Tensor]:
    return landmarks[:, eye].mean(1), EYE_REACH * span(landmarks)


def crops(frames: Tensor, centres: Tensor, sides: Tensor, pixels: int = SIDE) -> Tensor:
    """Squares of frames [f h w 3], resized: [f 3 pixels pixels]; the nearest pixels outside the picture."""
    height, width = frames.shape[1:3]
    axis = (torch.arange(pixels) + 0.5) / pixels - 0.5
    steps = axis[None] * sides[:, None]
    x = (centres[:, :1] + steps) / width * 2 - 1
    y = (centres[:, 1:] + steps) / height * 2 - 1
    grid = torch.stack([x[:, None].expand(-1, pixels, -1), y[:, :, None].expand(-1, -1, pixels)], dim=-1)
    return F.grid_sample(frames.permute(0, 3, 1, 2), grid, padding_mode="border", align_corners=False)


def _in_batches(network: CropReader, seen: Tensor) -> Tensor:
    return torch.cat([network(part) for part in seen.split(BATCH)])
