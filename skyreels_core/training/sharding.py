"""Parameters, gradients and the optimiser's state split among devices, by PyTorch's fully_shard (FSDP2)."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from ..errors import InputError
from .ranks import Ranks


def shard(model: nn.Module, units: list[nn.Module], ranks: Ranks) -> None:
    """Split the model in place. A unit is whole on every device only while it computes; it is named before what
    contains it."""
    try:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard  # of 2.6 and later
    except ImportError as error:
        raise InputError("Several devices train together with PyTorch 2.6 or later; install it.") from error
    assert ranks.device is not None  # there are several
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    for unit in (*units, model):
        fully_shard(unit, mesh=mesh)


def is_split(value: Any) -> bool:
    """Whether it is a DTensor, without importing what not every PyTorch has."""
    return hasattr(value, "full_tensor")


def whole(state: Any, keep: bool) -> Any:
    """The same lists, dicts and tensors with nothing split, on the CPU; every rank has to ask. keep: False gives None
    for each split tensor, so that one rank alone holds the whole."""
    if is_split(state):
        full = state.full_tensor()
        return full.cpu() if keep else None
    if isinstance(state, dict):
        return {name: whole(value, keep) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(whole(value, keep) for value in state)
    return state


def like(full: Tensor, split: Tensor) -> Tensor:
    """A whole tensor, which every rank has, split as another one is."""
    if not is_split(split) or is_split(full):
        return full
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(split, DTensor)
    full = full.to(split.device)
    return distribute_tensor(full, split.device_mesh, split.placements, src_data_rank=None)


def split_state(state: dict[str, Any], parameters: list[nn.Parameter]) -> dict[str, Any]:
    """An optimiser's whole state, split as its parameters are."""
    of: dict[int, dict[str, Any]] = {}
    for number, held in state["state"].items():
        parameter = parameters[number]
        of[number] = {
            name: like(value, parameter)
            if isinstance(value, Tensor) and value.shape == parameter.shape
            else value
            for name, value in held.items()
        }
    return {**state, "state": of}


def local_bytes(model: nn.Module) -> int:
    """Of the parameters that this device holds."""
    parts = (cast(Any, p).to_local() if is_split(p) else p for p in model.parameters())
    return sum(part.numel() * part.element_size() for part in parts)
