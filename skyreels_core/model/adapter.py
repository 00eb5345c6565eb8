from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from .attention import Attention
from .config import AudioConfig
from .rope import rope_1d, rope_angles, rotate

LISTENING_REACH = 3.0  # tokens from a latent frame's middle to its outermost frame's, at 25 fps
# of queries and keys at the start: the place's neighbours get a third of its weight
LISTENING_SHARPNESS = 2.0
CONTENT_SHARE = 0.2  # of queries and keys at the start


@dataclass(frozen=True)
class AudioContext:
    """What the audio layers of every block read."""

    tokens: Tensor  # [b n d], projected
    query_rotation: Tensor | None  # float32 [t 1 1 2 c], one row per latent frame
    key_rotation: Tensor | None  # float32 [n 1 2 c] or [b n 1 2 c]
    mask: Tensor | None  # bool [b 1 1 n], True is attended to
    voiced: Tensor | None  # bool [b 1 1], False where a sample has no audio at all


class AudioProjection(nn.Module):
    """Whisper tokens to the backbone's width: LayerNorm, Linear, GELU, Linear."""

    def __init__(self, config: AudioConfig, operations: Any, **factory: Any):
        super().__init__()
        self.norm = operations.LayerNorm(config.width, eps=config.eps, **factory)
        self.fc1 = operations.Linear(config.width, config.dim, **factory)
        self.fc2 = operations.Linear(config.dim, config.dim, **factory)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(self.norm(tokens))))


class AudioBlock(nn.Module):
    """x + o(attention(rope(q(norm(x))), rope(k(audio)), v(audio)))"""

    def __init__(self, config: AudioConfig, operations: Any, **factory: Any):
        super().__init__()
        self.audio_norm = operations.LayerNorm(config.dim, eps=config.eps, **factory)
        self.audio_attn = Attention(config.dim, config.num_heads, config.eps, operations, **factory)

    def forward(self, x: Tensor, context: AudioContext) -> Tensor:
        attention = self.audio_attn
        q, k = attention.query(self.audio_norm(x)), attention.key(context.tokens)
        if context.query_rotation is not None and context.key_rotation is not None:
            frames = q.unflatten(1, (len(context.query_rotation), -1))
            q = rotate(frames, context.query_rotation).flatten(1, 2)
            k = rotate(k, context.key_rotation)
        update = attention.o(attention.attend(q, k, attention.value(context.tokens), context.mask))
        return x + (update if context.voiced is None else update * context.voiced)


class AudioAdapter(nn.Module):
    """Audio cross-attention for every block of a Wan backbone, in the core and in a host.

    1D RoPE aligns the voice with the latent frames (arXiv 2506.00830, section 3). `init_weights` starts the output
    projections at zero, so untrained layers leave the backbone as it is.

    operations: where `Linear`, `LayerNorm` and `RMSNorm` come from; a host passes its own, whose weights may not
    exist before they are loaded.
    """

    def __init__(self, config: AudioConfig, operations: Any = nn, **factory: Any):
        super().__init__()
        self.config = config
        self.audio_proj = AudioProjection(config, operations, **factory)
        blocks = (AudioBlock(config, operations, **factory) for _ in range(config.num_layers))
        self.blocks = nn.ModuleList(blocks)

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Start as listeners that say nothing: each head attends to one place in its latent frame's own time.

        Queries and keys are mostly their biases, whose rotations meet at the head's place; from content alone the
        alignment of voice and picture would first have to be discovered.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
        self.start_silent()
        places = torch.linspace(-LISTENING_REACH, LISTENING_REACH, self.config.num_heads)
        at_place, here = (phase(p, self.config.head_dim) for p in (places, torch.zeros_like(places)))
        for block in self.blocks:
            attention = cast(AudioBlock, block).audio_attn
            for projection, norm, bias in (
                (attention.q, attention.norm_q, at_place),
                (attention.k, attention.norm_k, here),
            ):
                projection.weight.mul_(CONTENT_SHARE)
                projection.bias.copy_(bias)
                norm.weight.fill_(LISTENING_SHARPNESS)

    @torch.no_grad()
    def start_silent(self) -> None:
        """Zero the output projections: whatever the layers attend to, they add nothing."""
        for block in self.blocks:
            output = cast(AudioBlock, block).audio_attn.o
            nn.init.zeros_(output.weight)
            nn.init.zeros_(output.bias)

    def prepare(
        self,
        tokens: Tensor,
        key_positions: Tensor,
        query_positions: Tensor,
        key_mask: Tensor | None = None,
    ) -> AudioContext:
        """Project the audio once for all blocks and steps.

        tokens: [b n width]; key_positions: float64 [n] or [b n] and query_positions: float64 [t], in tokens
        of 20 ms; key_mask: bool [b n], True is attended to. A sample whose mask is all False passes unchanged.
        """
        query_rotation = key_rotation = mask = voiced = None
        if self.config.rope:
            query_rotation = rope_1d(query_positions, self.config.head_dim)[:, None, None].to(tokens.device)
            key_rotation = rope_1d(key_positions, self.config.head_dim)[..., None, :, :].to(tokens.device)
        if key_mask is not None:
            voiced = key_mask.any(dim=1)[:, None, None]
            mask = (key_mask[:, None] | ~voiced)[:, None]
        return AudioContext(self.audio_proj(tokens), query_rotation, key_rotation, mask, voiced)

    def apply(  # pyright: ignore[reportIncompatibleMethodOverride]  # callers know it by this name
        self, block_index: int, x: Tensor, context: AudioContext
    ) -> Tensor:
        """Add the voice to the tokens of one block, after its cross-attention. x: [b (t h w) d]"""
        return self.blocks[block_index](x, context)


def phase(positions: Tensor, dim: int) -> Tensor:
    """Unit vectors [(n dim)] of pairs that a rotation by the positions [n] turns away from angle 0."""
    angles = rope_angles(positions, dim)
    return torch.stack((angles.cos(), angles.sin()), dim=-1).float().flatten()
