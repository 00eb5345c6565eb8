"""Attention over tokens that lie on several devices, by Ulysses (arXiv 2309.14509) and ring (arXiv 2310.01889).

Ulysses gives each rank all tokens of some heads, ring passes keys and values from rank to rank. A group may do both:
ranks that are neighbours exchange heads, and those of equal place among their neighbours make a ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .exchange import Line
from .shares import Shares


@dataclass(frozen=True)
class OwnAttention:
    """Of one rank. `tokens` are shared among all ranks of both lines, the neighbours' first."""

    ulysses: Line
    ring: Line
    heads: int

    @property
    def ranks(self) -> int:
        return len(self.ulysses) * len(self.ring)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, tokens: int) -> Tensor:
        """q, k, v: [b n heads c] of this rank's n of the tokens -> [b n (heads c)]"""
        if len(self.ulysses) == 1:
            return self._ring(torch.stack((q, k, v)), tokens).flatten(2).type_as(q)
        gathered = self._scatter_heads(torch.stack((q, k, v)), tokens)
        return self._gather_heads(self._ring(gathered, tokens).type_as(q), tokens).flatten(2)

    def _lengths(self, tokens: int, ring_place: int) -> tuple[int, ...]:
        """How many tokens each of the neighbours at a place of the ring has."""
        width = len(self.ulysses)
        return Shares(tokens, self.ranks).sizes[ring_place * width : (ring_place + 1) * width]

    def _scatter_heads(self, x: Tensor, tokens: int) -> Tensor:
        """[3 b n heads c] -> this rank's heads of all the neighbours' tokens."""
        heads = Shares(self.heads, len(self.ulysses))
        mine, (_, b, _, _, c) = heads.sizes[self.ulysses.place], x.shape
        shapes = [(3, b, length, mine, c) for length in self._lengths(tokens, self.ring.place)]
        return torch.cat(self.ulysses.exchange(x.split(heads.sizes, dim=3), shapes), dim=2)

    def _gather_heads(self, x: Tensor, tokens: int) -> Tensor:
        """[b n heads c] of all the neighbours' tokens -> all heads of this rank's."""
        lengths, heads = self._lengths(tokens, self.ring.place), Shares(self.heads, len(self.ulysses))
        b, _, _, c = x.shape
        shapes = [(b, lengths[self.ulysses.place], count, c) for count in heads.sizes]
        return torch.cat(self.ulysses.exchange(x.split(lengths, dim=1), shapes), dim=2)

    def _ring(self, qkv: Tensor, tokens: int) -> Tensor:
        """[3 b n heads c] -> [b n heads c], float32 where several ranks make a ring."""
        q, held, out, lse = qkv[0], qkv[1:].contiguous(), None, None
        for step in range(len(self.ring)):
            arriving, waiting = held, []
            if step + 1 < len(self.ring):
                length = sum(self._lengths(tokens, (self.ring.place - step - 1) % len(self.ring)))
                arriving, waiting = self.ring.pass_on(held, (2, q.shape[0], length, *q.shape[2:]))
            part = attend_with_lse(q, held[0], held[1])
            out, lse = part if out is None or lse is None else merge(out, lse, *part)
            for work in waiting:
                work.wait()
            held = arriving
        assert out is not None  # a ring has one rank at least
        return out


def attend_with_lse(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """q, k, v: [b n heads c] -> [b n heads c], and the logarithm of the sums of exponentials, float32 [b n heads 1]"""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    if q.device.type == "cpu":
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
    elif q.dtype in (torch.bfloat16, torch.float16):
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)[:2]
    else:
        logits = (q @ k.transpose(-2, -1)).float() * q.shape[-1] ** -0.5
        out, lse = logits.softmax(-1).type_as(v) @ v, logits.logsumexp(-1)
    return out.transpose(1, 2), lse.float()[..., : q.shape[2]].transpose(1, 2)[..., None]


def merge(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> tuple[Tensor, Tensor]:
    """Attention to two sets of keys from that to each of them, in float32."""
    both = torch.logaddexp(lse, other_lse)
    return out.float() * (lse - both).exp() + other.float() * (other_lse - both).exp(), both
