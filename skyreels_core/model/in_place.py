"""A start for training from scratch: self-attention that looks at its own place, and beside it.

Attention with random weights sees all tokens alike. A small model then spends most of its training on finding out that
a place looks as it did a frame ago, and goes on in its neighbours.
"""

from __future__ import annotations

from typing import cast

import torch

from .adapter import phase
from .backbone import Block, SelfAttention, WanModel

# rows and columns from a place to where the second head of a block looks, block by block; the third looks the other way
BESIDE = ((0, 1), (1, 0), (1, 1), (1, -1))
PAIRS = 4  # of an axis' rotations, the fastest ones, that tell where a head looks
STRENGTH, CONTENT_SHARE = 3.0, 0.2  # of the biases, and of what the tokens hold, in queries and keys
SHARPNESS = 2.0


@torch.no_grad()
def attend_in_place(model: WanModel) -> None:
    """Of each block, the first head begins with its own place in all frames, the second and the third with places on
    two sides in their own frame; further heads stay as they are.

    Queries and keys of these heads are mostly their biases, which the rotations of `rope_3d` bring together there.
    """
    size = model.config.head_dim
    spatial = 2 * (size // 6)
    # first channel, and how many, of time, rows and columns
    axes = (0, size - 2 * spatial), (size - 2 * spatial, spatial), (size - spatial, spatial)
    for number, block in enumerate(model.blocks):
        attention = cast(SelfAttention, cast(Block, block).self_attn)
        rows, columns = BESIDE[number % len(BESIDE)]
        plans = (None, 0, 0), (0, rows, columns), (0, -rows, -columns)
        for head, places in enumerate(plans[: attention.num_heads]):
            channels = slice(head * size, (head + 1) * size)
            for projection, norm in ((attention.q, attention.norm_q), (attention.k, attention.norm_k)):
                projection.weight[channels] *= CONTENT_SHARE
                norm.weight[channels] = SHARPNESS
            for (first, count), place in zip(axes, places, strict=True):
                if place is not None:
                    start = channels.start + first
                    told = slice(start, start + min(2 * PAIRS, count))
                    there, here = (phase(torch.tensor([p]), count)[: 2 * PAIRS] for p in (place, 0))
                    attention.q.bias[told], attention.k.bias[told] = STRENGTH * there, STRENGTH * here
