"""What computes attention within a group: our own code, or a library's, each tested by numbers before it is used.

Libraries fail silently here: yunchang 0.6.4's ring, which xfuser calls, was wrong by 0.1 to 0.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError, first_words
from .attention import OwnAttention
from .exchange import Line
from .shares import Shares

# float32; half precision rounds to about 1/256, and what is wrong is wrong by more
TOLERANCES = {torch.float32: 1e-4}
HALF = 0.03
TOKENS = 8  # of each rank in the self-test, beside the remainder of the run


class Engine(Protocol):
    def __call__(self, q: Tensor, k: Tensor, v: Tensor, tokens: int) -> Tensor:
        """q, k, v: [b n heads c] of this rank's n of the `tokens` -> [b n (heads c)]"""
        ...


def diffusers_engine(ulysses: Line, ring: Line, heads: int) -> Engine:
    """Context parallelism of diffusers, in the modes that take uneven lengths."""
    from diffusers import ContextParallelConfig  # pyright: ignore[reportPrivateImportUsage]
    from diffusers.models._modeling_parallel import ParallelConfig
    from diffusers.models.attention_dispatch import dispatch_attention_fn
    from torch.distributed.device_mesh import init_device_mesh

    if len(ulysses) > 1 and len(ring) > 1:
        raise InputError("its uneven modes know Ulysses or ring, not both at a time")
    size, world = len(ulysses) * len(ring), dist.get_world_size()
    if world % size:
        raise InputError(f"its groups of {size} do not fill {world} devices")
    kind = "cpu" if dist.get_backend() == "gloo" else "cuda"
    mesh = init_device_mesh(
        kind, (world // size, len(ring), len(ulysses)), mesh_dim_names=("groups", "ring", "ulysses")
    )
    config = ContextParallelConfig(
        ring_degree=len(ring), ulysses_degree=len(ulysses),
        ulysses_anything=len(ulysses) > 1, ring_anything=len(ring) > 1,
    )  # fmt: skip
    config.setup(dist.get_rank() % size, size, torch.device(kind), mesh["ring", "ulysses"])
    parallel = ParallelConfig(context_parallel_config=config)

    def attend(q: Tensor, k: Tensor, v: Tensor, tokens: int) -> Tensor:
        return dispatch_attention_fn(q, k, v, parallel_config=parallel).flatten(2)

    return attend


def xfuser_engine(ulysses: Line, ring: Line, heads: int) -> Engine:
    """xDiT's long-context attention over yunchang; all workers are its one group."""
    try:
        from xfuser.core.long_ctx_attention import (  # pyright: ignore[reportMissingImports]
            xFuserLongContextAttention,
        )
        from yunchang.globals import set_seq_parallel_pg  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(f"it is not installed: {first_words(error)}") from error
    set_seq_parallel_pg(len(ulysses), len(ring), dist.get_rank(), dist.get_world_size())
    attention: Any = xFuserLongContextAttention()

    def attend(q: Tensor, k: Tensor, v: Tensor, tokens: int) -> Tensor:
        return attention(None, q, k, v).flatten(2)

    return attend


ENGINES: dict[str, Callable[[Line, Line, int], Engine]] = {
    "own": OwnAttention,
    "diffusers": diffusers_engine,
    "xfuser": xfuser_engine,
}


def start(name: str, ulysses: Line, ring: Line, heads: int) -> Engine:
    """Raises InputError that names what a library lacks."""
    try:
        return ENGINES[name](ulysses, ring, heads)
    except Exception as error:  # of any kind: it is another project's code
        raise refused(name, f"cannot be started ({first_words(error)})") from error


def self_test(
    name: str, engine: Engine, place: int, ranks: int, heads: int, tokens: int, like: Tensor
) -> float:
    """Compare one attention, of as uneven lengths as the run's, with that of one device. The largest difference; raises
    InputError where it is too large. `like` says on which device and in which type."""
    shares = Shares(ranks * TOKENS + tokens % ranks, ranks)
    draw = torch.Generator().manual_seed(0)
    whole = [torch.randn(1, shares.total, heads, 64, generator=draw).to(like) for _ in range(3)]
    query, key, value = (x.float().transpose(1, 2) for x in whole)
    expected = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
    try:
        query, key, value = (shares.take(x, place, 1).contiguous() for x in whole)
        found = engine(query, key, value, shares.total)
        wrong = float((found.float() - shares.take(expected, place, 1).flatten(2)).abs().max())
    except Exception as error:  # of any kind: it is another project's code
        raise refused(name, f"failed its self-test ({first_words(error)})") from error
    if not wrong <= TOLERANCES.get(like.dtype, HALF):
        raise refused(
            name,
            f"failed its self-test: attention over {ranks} devices is wrong by {wrong:.2g} of values about 1",
        )
    return wrong


def refused(name: str, what: str) -> InputError:
    return InputError(
        f"The sequence parallelism of {name!r} {what}. Use --sequence-engine own, or leave --sequence-parallel out."
    )
