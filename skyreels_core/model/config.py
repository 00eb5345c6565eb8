from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

PATCH_SIZE = (1, 2, 2)  # latent frames, rows, columns of one token
CLIP_WIDTH = 1280  # width of the image tokens that `img_emb` takes
LATENT_CHANNELS = 16
PICTURE_CHANNELS = 36  # 16 noise, 4 mask, 16 condition latent


@dataclass(frozen=True)
class WanConfig:
    """Sizes of a Wan 2.1 backbone."""

    model_type: Literal["t2v", "i2v"]  # i2v: cross-attention to CLIP image tokens beside the text
    in_dim: int  # LATENT_CHANNELS, or PICTURE_CHANNELS
    dim: int
    ffn_dim: int
    freq_dim: int  # width of the sinusoidal timestep embedding
    text_dim: int
    out_dim: int
    num_heads: int
    num_layers: int
    text_len: int  # text tokens, zero rows included
    eps: float

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def takes_picture(self) -> bool:
        return self.in_dim == PICTURE_CHANNELS


@dataclass(frozen=True)
class AudioConfig:
    """Sizes of the audio layers of a backbone."""

    width: int  # of the Whisper tokens
    dim: int
    num_heads: int
    num_layers: int
    eps: float
    rope: bool  # False: no positions at all, the paper's ablation

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads


T2V_14B = WanConfig(
    model_type="t2v",
    in_dim=16,
    dim=5120,
    ffn_dim=13824,
    freq_dim=256,
    text_dim=4096,
    out_dim=16,
    num_heads=40,
    num_layers=40,
    text_len=512,
    eps=1e-6,
)

CONFIGS = {
    "t2v-1.3b": replace(T2V_14B, dim=1536, ffn_dim=8960, num_heads=12, num_layers=30),
    "t2v-14b": T2V_14B,
    "i2v-14b": replace(T2V_14B, model_type="i2v", in_dim=36),
    "demo": replace(T2V_14B, in_dim=36, dim=160, ffn_dim=640, text_dim=64, num_heads=4, num_layers=6),
    "people": replace(T2V_14B, in_dim=36, dim=192, ffn_dim=512, text_dim=64, num_heads=4, num_layers=8),
}

BLOCK_NUMBERS = 512 * 1024  # of a channel of latents, that the VAE begins to decode at once
BETWEEN_480P_AND_720P = 600_000  # pixels


def published_name(model_type: str, dim: int, num_layers: int, size: tuple[int, int]) -> str:
    """A backbone's name among TeaCache's published coefficients, as far as its sizes and the video's width and
    height in pixels tell."""
    known = {(same.model_type, same.dim, same.num_layers): name for name, same in CONFIGS.items()}
    name = known.get((model_type, dim, num_layers), "of its own")
    if name != "i2v-14b":
        return name
    return f"{name}-{'480p' if math.prod(size) < BETWEEN_480P_AND_720P else '720p'}"
