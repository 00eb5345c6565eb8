"""SyncNet (Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV-W 2016): five frames of a face and
0.2 s of its voice, each as 1024 numbers that lie close where they belong together. The published weights file
`syncnet_v2.model` fits it key by key.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ...errors import InputError, first_words
from ...weights.loading import fill

WIDTH = 1024
FRAMES, SIDE = 5, 224  # of a window
COEFFICIENTS, STEPS = 13, 20  # of the MFCC in a window
PREFIXES = ("__S__.", "module.", "model.", "syncnet.")
PARTS = ("netcnnaud", "netfcaud", "netcnnlip", "netfclip")


class SyncNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer2d(1, 64, 3, 1), nn.MaxPool2d(1, 1),
            *_layer2d(64, 192, 3, 1), nn.MaxPool2d(3, (1, 2)),
            *_layer2d(192, 384, 3, 1),
            *_layer2d(384, 256, 3, 1),
            *_layer2d(256, 256, 3, 1), nn.MaxPool2d(3, 2),
            *_layer2d(256, 512, (5, 4), 0),
        )  # fmt: skip
        self.netfcaud = _head()
        self.netcnnlip = nn.Sequential(
            *_layer3d(3, 96, (5, 7, 7), 2, 0), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(96, 256, (1, 5, 5), 2, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer3d(256, 256, (1, 3, 3), 1, 1),
            *_layer3d(256, 256, (1, 3, 3), 1, 1),
            *_layer3d(256, 256, (1, 3, 3), 1, 1), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer3d(256, 512, (1, 6, 6), 1, 0),
        )  # fmt: skip
        self.netfclip = _head()

    def lips(self, frames: Tensor) -> Tensor:
        """Faces [f 3 224 224], BGR in 0..255 -> [f - 4 1024], one for each five frames that follow each other.

        Only the first layer looks over time, so a run of frames gives the same as its windows one by one.
        """
        seen = self.netcnnlip(frames.transpose(0, 1)[None])[0, :, :, 0, 0]  # [512 f-4]
        return self.netfclip(seen.T)

    def voice(self, coefficients: Tensor) -> Tensor:
        """[n 13 20] -> [n 1024]"""
        return self.netfcaud(self.netcnnaud(coefficients[:, None]).flatten(1))


def load_syncnet(path: Path) -> SyncNet:
    """From .model, .pth or .safetensors, whatever its keys begin with. Raises InputError for anything else."""
    weights = _without_prefix(_read(path))
    with torch.device("meta"):
        network = SyncNet()
    if not all(any(name.startswith(part) for name in weights) for part in PARTS):
        raise InputError(
            f"{path} is not SyncNet: its keys do not begin with {', '.join(PARTS)}. Give syncnet_v2.model of the "
            "SyncNet project."
        )
    counters = {n: torch.tensor(0) for n in network.state_dict() if n.endswith("num_batches_tracked")}
    fill(network, path, counters | weights)
    return network.eval().requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        inner = loaded.get("state_dict", loaded)
        return {name: tensor for name, tensor in inner.items() if isinstance(tensor, Tensor)}
    except Exception as error:  # of any kind: what the reader finds depends on the file
        raise InputError(
            f"{path} cannot be read as SyncNet's weights ({first_words(error)}). Give syncnet_v2.model, or the same "
            "weights as .pth or .safetensors."
        ) from error


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()
    }


def _layer2d(before: int, after: int, kernel, padding: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()]


def _layer3d(before: int, after: int, kernel, stride: int, padding: int) -> list[nn.Module]:
    """Stride and padding are of rows and columns."""
    convolution = nn.Conv3d(before, after, kernel, (1, stride, stride), (0, padding, padding))
    return [convolution, nn.BatchNorm3d(after), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))
