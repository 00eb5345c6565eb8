"""Image tokens of the portrait, for backbones that attend to them beside the text (Wan's I2V models)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..weights.folders import from_folder

if TYPE_CHECKING:
    from transformers import CLIPVisionModel

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class ClipVision:
    def __init__(self, network: CLIPVisionModel):
        self.network = network.eval().requires_grad_(False)

    def to(self, device: torch.device | str) -> ClipVision:
        self.network.to(device)  # pyright: ignore[reportArgumentType]  # its decorator hides `self`
        return self

    @torch.no_grad()
    def encode(self, picture: Tensor) -> Tensor:
        """[h w 3] in 0..1 -> the hidden state before the last layer, [1 257 1280] float32 for ViT-H/14.

        The whole picture is squeezed to the square that the network sees, as Wan does; nothing is cropped.
        """
        side: Any = self.network.config.image_size
        pixels = interpolate(picture.movedim(-1, 0)[None], (side, side), mode="bicubic", antialias=True)
        pixels = (pixels.clamp(0, 1) * 255).round() / 255
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        pixels = ((pixels - mean) / std).to(self.network.device, self.network.dtype)
        return self.network(pixels, output_hidden_states=True).hidden_states[-2].float()


def load_clip_vision(folder: str | Path) -> ClipVision:
    """A Hugging Face folder of CLIP's vision tower, such as `image_encoder` of a diffusers I2V model."""
    from transformers import CLIPVisionModel  # few backbones need it

    network = from_folder(CLIPVisionModel, folder, "a CLIP vision encoder", use_safetensors=True)
    return ClipVision(network.float())
