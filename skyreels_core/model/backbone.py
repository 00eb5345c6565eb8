from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .attention import Attention
from .config import CLIP_WIDTH, PATCH_SIZE, WanConfig
from .rope import rope_3d, rotate

AudioLayers = Callable[[int, Tensor], Tensor]


class Split(Protocol):
    """One device's part of the tokens, where several share a forward."""

    def take(self, x: Tensor, dim: int) -> Tensor:
        """Its part of what all tokens have along `dim`."""
        ...

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Self-attention of its tokens [b n heads c] to those of all devices -> [b n (heads c)]"""
        ...

    def join(self, x: Tensor) -> Tensor:
        """[b n d] of its tokens -> of all"""
        ...


@dataclass(frozen=True)
class CrossContext:
    """What the cross-attention of every block reads, already embedded."""

    text: Tensor  # [b n d]
    text_bias: Tensor | None  # added to the text logits, [1 1 1 n]
    image: Tensor | None  # [b 257 d]


def collapse_padding(context: Tensor) -> tuple[Tensor, int]:
    """Take off the zero rows at the end that all texts share. context: [b n d] -> ([b m d], n - m)"""
    used = context.ne(0).any(dim=-1).any(dim=0).nonzero()
    kept = int(used[-1]) + 1 if len(used) else 0
    return context[:, :kept], context.shape[1] - kept


def timestep_sinusoids(timestep: Tensor, dim: int) -> Tensor:
    """timestep: [b] in 0..1000 -> float32 [b dim], cosines first."""
    half = dim // 2
    frequencies = 10000 ** -(torch.arange(half, dtype=torch.float32, device=timestep.device) / half)
    angles = timestep.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def modulate(x: Tensor, shift: Tensor, scale: Tensor, eps: float) -> Tensor:
    """Layer norm, scale and shift, in float32. x: [b n d]; shift, scale: float32 [b 1 d]"""
    if len(x) == 1:  # the modulation is then the norm's own weight and bias: one pass over x instead of two
        return F.layer_norm(x.float(), x.shape[-1:], (1 + scale).flatten(), shift.flatten(), eps).type_as(x)
    normed = F.layer_norm(x.float(), x.shape[-1:], eps=eps)
    return torch.addcmul(shift, normed, 1 + scale).type_as(x)


def add_gated(x: Tensor, y: Tensor, gate: Tensor) -> Tensor:
    """x + y * gate, added in float32 without copies in it. x, y: [b n d]; gate: float32 [b 1 d]"""
    return torch.addcmul(x, y, gate).type_as(x)


class SelfAttention(Attention):
    def forward(self, x: Tensor, rotation: Tensor, split: Split | None = None) -> Tensor:
        q, k = rotate(self.query(x), rotation), rotate(self.key(x), rotation)
        attended = self.attend if split is None else split.attend
        return self.o(attended(q, k, self.value(x)))


class CrossAttention(Attention):
    def forward(self, x: Tensor, context: CrossContext) -> Tensor:
        return self.o(self.attend_text(self.query(x), context))

    def attend_text(self, q: Tensor, context: CrossContext) -> Tensor:
        bias = None if context.text_bias is None else context.text_bias.to(q.dtype)
        return self.attend(q, self.key(context.text), self.value(context.text), bias)


class ImageCrossAttention(CrossAttention):
    """Text and image attention side by side, with the same query."""

    def __init__(self, dim: int, num_heads: int, eps: float):
        super().__init__(dim, num_heads, eps)
        self.k_img = nn.Linear(dim, dim)
        self.v_img = nn.Linear(dim, dim)
        self.norm_k_img = nn.RMSNorm(dim, eps=eps)

    def forward(self, x: Tensor, context: CrossContext) -> Tensor:
        q = self.query(x)
        out = self.attend_text(q, context)
        if context.image is not None:
            k = self.split_heads(self.norm_k_img(self.k_img(context.image)))
            out = out + self.attend(q, k, self.split_heads(self.v_img(context.image)))
        return self.o(out)


class Block(nn.Module):
    def __init__(self, config: WanConfig):
        super().__init__()
        self.eps = config.eps
        cross_attention = ImageCrossAttention if config.model_type == "i2v" else CrossAttention
        self.self_attn = SelfAttention(config.dim, config.num_heads, config.eps)
        self.norm3 = nn.LayerNorm(config.dim, eps=config.eps)
        self.cross_attn = cross_attention(config.dim, config.num_heads, config.eps)
        self.ffn = nn.Sequential(
            nn.Linear(config.dim, config.ffn_dim),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.ffn_dim, config.dim),
        )
        self.modulation = nn.Parameter(torch.zeros(1, 6, config.dim))

    def forward(
        self,
        x: Tensor,
        e0: Tensor,
        rotation: Tensor,
        context: CrossContext,
        audio: Callable[[Tensor], Tensor] | None,
        split: Split | None = None,
    ) -> Tensor:
        """x: [b n d], e0: float32 [b 6 d], rotation: [n 1 2 c] -> [b n d]"""
        x = self.attend(x, e0, rotation, context, split)
        return self.feed_forward(x if audio is None else audio(x), e0)

    def attend(
        self, x: Tensor, e0: Tensor, rotation: Tensor, context: CrossContext, split: Split | None = None
    ) -> Tensor:
        shift, scale, gate = self.modulations(e0)[:3]
        x = add_gated(x, self.self_attn(modulate(x, shift, scale, self.eps), rotation, split), gate)
        return x + self.cross_attn(self.norm3(x), context)

    def feed_forward(self, x: Tensor, e0: Tensor) -> Tensor:
        shift, scale, gate = self.modulations(e0)[3:]
        return add_gated(x, self.ffn(modulate(x, shift, scale, self.eps)), gate)

    def modulations(self, e0: Tensor) -> tuple[Tensor, ...]:
        """Shift, scale and gate of self-attention and of the feed-forward layer, float32 [b 1 d] each."""
        return (self.modulation + e0).chunk(6, dim=1)


class Head(nn.Module):
    def __init__(self, config: WanConfig):
        super().__init__()
        self.eps = config.eps
        self.head = nn.Linear(config.dim, config.out_dim * math.prod(PATCH_SIZE))
        self.modulation = nn.Parameter(torch.zeros(1, 2, config.dim))

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """x: [b n d], e: [b d] -> [b n (patch out)]"""
        shift, scale = (self.modulation.float() + e.float()[:, None]).chunk(2, dim=1)
        return self.head(modulate(x, shift, scale, self.eps))


class ImageEmbedding(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.proj = nn.Sequential(
            nn.LayerNorm(CLIP_WIDTH),
            nn.Linear(CLIP_WIDTH, CLIP_WIDTH),
            nn.GELU(),
            nn.Linear(CLIP_WIDTH, dim),
            nn.LayerNorm(dim),
        )

    def forward(self, clip_fea: Tensor) -> Tensor:
        return self.proj(clip_fea)


class WanModel(nn.Module):
    """The Wan 2.1 video transformer, with the published names of its weights.

    Each block: modulated self-attention, cross-attention to text (and CLIP image tokens), audio layers where
    given, modulated feed-forward. Modulation runs in float32, everything else in the dtype of the weights.
    """

    def __init__(self, config: WanConfig):
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False  # recompute each block in the backward pass instead of keeping it
        self.recomputes_parts = (
            False  # one part of a block after the other: less at a time, three inputs kept
        )
        dim = config.dim
        self.patch_embedding = nn.Conv3d(config.in_dim, dim, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text_dim, dim), nn.GELU(approximate="tanh"), nn.Linear(dim, dim)
        )
        self.time_embedding = nn.Sequential(nn.Linear(config.freq_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.head = Head(config)
        self.img_emb = ImageEmbedding(dim) if config.model_type == "i2v" else None

    @property
    def dtype(self) -> torch.dtype:
        return self.patch_embedding.weight.dtype

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator) -> None:
        """Wan's own start for training from scratch: the output is zero until the head has moved."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv3d)):
                nn.init.xavier_uniform_(module.weight.flatten(1), generator=generator)
                assert module.bias is not None  # each of Wan's has one
                nn.init.zeros_(module.bias)
        for embedding in (self.text_embedding, self.time_embedding):
            for place in (0, 2):
                linear = cast(nn.Linear, embedding[place])
                nn.init.normal_(linear.weight, std=0.02, generator=generator)
        for module in (*self.blocks, self.head):
            nn.init.normal_(cast(Tensor, module.modulation), std=self.config.dim**-0.5, generator=generator)
        nn.init.zeros_(self.head.head.weight)

    def time_embeddings(self, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """timestep: [b] in 0..1000 -> embedding [b d] and its projection [b 6 d]"""
        e = self.time_embedding(timestep_sinusoids(timestep, self.config.freq_dim).to(self.dtype))
        return e, self.time_projection(e).unflatten(1, (6, -1))

    def embed_context(self, context: Tensor, padding: int, clip_fea: Tensor | None) -> CrossContext:
        """Embed text and image. The padding rows are equal: in float32 one of them stands for all, its logit
        raised by log(padding). Lower precision would round that logarithm, so there the rows are real.
        """
        rows = min(padding, 1) if self.dtype == torch.float32 else padding
        context = F.pad(context.to(self.dtype), (0, 0, 0, rows))
        bias = None
        if padding > rows:
            bias = torch.zeros(1, 1, 1, context.shape[1], device=context.device)
            bias[..., -1] = math.log(padding)
        image = None if clip_fea is None or self.img_emb is None else self.img_emb(clip_fea.to(self.dtype))
        return CrossContext(self.text_embedding(context), bias, image)

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        clip_fea: Tensor | None = None,
        context_padding: int = 0,
        audio_layers: AudioLayers | None = None,
        split: Split | None = None,
    ) -> Tensor:
        """The velocity (noise - data) of a noisy latent.

        x: [b c t h w], h and w even; timestep: [b] in 0..1000; context: [b n text_dim];
        clip_fea: [b 257 1280], read by i2v backbones only;
        context_padding: number of further zero rows of the context, attended as if they were there;
        audio_layers: called with (block index, tokens [b (t h w) d]) between cross-attention and feed-forward;
        split: this device's part, where others compute the same forward; audio_layers get its tokens alone
        -> [b out_dim t h w] in the dtype of x
        """
        patches = self.patch_embedding(x.to(self.dtype))
        grid = patches.shape[2:]
        tokens = patches.flatten(2).transpose(1, 2).contiguous()
        rotation = rope_3d(grid[0], grid[1], grid[2], self.config.head_dim, x.device)[:, None]
        if split is not None:
            tokens, rotation = split.take(tokens, 1), split.take(rotation, 0)
        e, e0 = self.time_embeddings(timestep)
        e0 = e0.float()
        cross_context = self.embed_context(context, context_padding, clip_fea)
        for index, block in enumerate(self.blocks):
            audio = partial(audio_layers, index) if audio_layers is not None else None
            again = self.gradient_checkpointing and torch.is_grad_enabled()
            compute = partial(self._recomputed, cast(Block, block)) if again else block
            tokens = compute(tokens, e0, rotation, cross_context, audio, split)
        out = self.head(tokens, e)
        return unpatchify(out if split is None else split.join(out), grid).to(x.dtype)

    def _recomputed(
        self,
        block: Block,
        x: Tensor,
        e0: Tensor,
        rotation: Tensor,
        context: CrossContext,
        audio: Callable[[Tensor], Tensor] | None,
        split: Split | None,
    ) -> Tensor:
        again = partial(checkpoint, use_reentrant=False)
        if not self.recomputes_parts:
            return again(block, x, e0, rotation, context, audio, split)
        x = again(block.attend, x, e0, rotation, context, split)
        x = x if audio is None else again(audio, x)
        return again(block.feed_forward, x, e0)


def unpatchify(tokens: Tensor, grid: torch.Size) -> Tensor:
    """[b (t h w) (patch c)] -> [b c t h w]"""
    patches = tokens.unflatten(1, grid).unflatten(-1, (*PATCH_SIZE, -1))
    return patches.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
