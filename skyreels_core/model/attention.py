from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

# q, k, v: [b n heads c], without a mask -> [b n heads c]
AttentionKernel = Callable[[Tensor, Tensor, Tensor], Tensor]


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, kernel: AttentionKernel | None = None
) -> Tensor:
    """Scaled dot-product attention. q, k, v: [b n heads c]; mask: as torch's, [b 1 q k] -> [b n (heads c)]

    kernel: what computes it where there is no mask; None is PyTorch's own choice.
    """
    if kernel is not None and mask is None:
        return kernel(q, k, v).flatten(2)
    return native_attention(q, k, v, mask).flatten(2)


def native_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


class Attention(nn.Module):
    """The projections of Wan's attention: RMS norms over the whole width of q and k, then the heads.

    operations: where `Linear` and `RMSNorm` come from; a host passes classes that manage their own weights.
    """

    kernel: AttentionKernel | None = None  # as in `attend`

    def __init__(self, dim: int, num_heads: int, eps: float, operations: Any = nn, **factory: Any):
        super().__init__()
        self.num_heads = num_heads
        self.q = operations.Linear(dim, dim, **factory)
        self.k = operations.Linear(dim, dim, **factory)
        self.v = operations.Linear(dim, dim, **factory)
        self.o = operations.Linear(dim, dim, **factory)
        self.norm_q = operations.RMSNorm(dim, eps=eps, **factory)
        self.norm_k = operations.RMSNorm(dim, eps=eps, **factory)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        return attend(q, k, v, mask, self.kernel)

    def query(self, x: Tensor) -> Tensor:
        return self.split_heads(self.norm_q(self.q(x)))

    def key(self, x: Tensor) -> Tensor:
        return self.split_heads(self.norm_k(self.k(x)))

    def value(self, x: Tensor) -> Tensor:
        return self.split_heads(self.v(x))

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1))
