"""Pixel masks, and what the causal VAE's grid makes of them. Every function takes any leading batch dims."""

from __future__ import annotations

import torch.nn.functional as F
from einops import reduce, repeat
from torch import Tensor

from ..timeline import SIZE_MULTIPLE, SPATIAL, TEMPORAL, latent_frames


def causal_groups(mask: Tensor) -> Tensor:
    """The frames behind each latent frame, [... f h w] -> [... t 4 h w]: frame 0 four times, then fours.

    Raises InputError when f is not 1 + 4k.
    """
    t = latent_frames(mask.shape[-3])
    frames = F.pad(mask, (0, 0, 0, 0, TEMPORAL - 1, 0))
    frames[..., : TEMPORAL - 1, :, :] = mask[..., :1, :, :]
    return frames.unflatten(-3, (t, TEMPORAL))


def mask_to_latent(given: Tensor) -> Tensor:
    """The four mask channels of the condition, [... f h w] (1 = given) -> [... 4 t h/8 w/8].

    Max-pooled over 4x8x8 after the causal repeat, the same in all four channels (method section 4). For a
    single given picture this is Wan's own packing, bit for bit.
    """
    cells = causal_groups(_pool(given, SPATIAL)).amax(-3)
    return repeat(cells, "... t h w -> ... c t h w", c=TEMPORAL)


def snap_holes(holes: Tensor) -> Tensor:
    """Grow the regenerated region to whole 16 px cells, shared by each causal group; [... f h w] -> the same.

    Without it, max-pooling the given pixels around a hole would shrink the hole (method section 4).
    """
    cells = causal_groups((_pool(holes, SIZE_MULTIPLE) > 0.5).to(holes)).amax(-3)
    groups = repeat(cells, "... t h w -> ... (t g) (h p) (w q)", g=TEMPORAL, p=SIZE_MULTIPLE, q=SIZE_MULTIPLE)
    return groups[..., TEMPORAL - 1 :, :, :]


def regenerated_cells(holes: Tensor) -> Tensor:
    """The latent cells that pinning leaves to the model, [... f h w] (1 = regenerated) -> [... t h/8 w/8] of 0 and 1:
    those of the snapped holes."""
    return causal_groups(_pool(snap_holes(holes), SPATIAL)).amax(-3)


def loss_mask_to_latent(mask: Tensor) -> Tensor:
    """Share of each latent cell that the mask covers (causal repeat), [... f h w] -> [... t h/8 w/8]."""
    share = reduce(mask, "... f (h p) (w q) -> ... f h w", "mean", p=SPATIAL, q=SPATIAL)
    return causal_groups(share).mean(-3)


def _pool(frames: Tensor, cell: int) -> Tensor:
    return frames.unflatten(-2, (-1, cell)).amax(-2).unflatten(-1, (-1, cell)).amax(-1)
