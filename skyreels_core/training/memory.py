"""Training with less memory of the device: weights that do not move, saved activations and optimizer states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu

from ..errors import InputError
from ..model.backbone import WanModel
from ..model.fp8 import Fp8Linear
from .optimizers import ADAMW, OPTIMIZERS

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Memory:
    """The section `memory` of a recipe; everything is off by default. The weights that are trained stay float32."""

    fp8: bool = False  # the frozen backbone's blocks hold their weights in 8 bits
    offload_blocks: bool = False  # the frozen backbone's blocks wait in system memory until they compute
    offload_activations: bool = False  # what the backward pass starts from waits in system memory
    optimizer: str = ADAMW  # or another of `optimizers.OPTIMIZERS`

    def __post_init__(self) -> None:
        for name in ("fp8", "offload_blocks", "offload_activations"):
            if not isinstance(value := getattr(self, name), bool):
                raise InputError(f"`memory` has {name}: {value}; give true or false.")
        if self.optimizer not in OPTIMIZERS:
            known = " or ".join(f"`optimizer: {kind}`" for kind in OPTIMIZERS)
            raise InputError(f"The recipe names the optimizer {self.optimizer!r}; `memory` takes {known}.")

    def check(self, moves_backbone: bool, devices: int) -> None:
        """Raises InputError for what the recipe or the number of devices rules out."""
        asked = [name for name in ("fp8", "offload_blocks") if getattr(self, name)]
        if asked and moves_backbone:
            raise InputError(
                f"The recipe asks for {' and '.join(asked)}, and a leg trains the backbone itself, whose weights must "
                "not move then: train `audio` or `lora` instead, or leave these out of `memory`."
            )
        alone = [name for name in ("fp8", "offload_blocks", "offload_activations") if getattr(self, name)]
        alone += [f"optimizer: {self.optimizer}"] * (self.optimizer != ADAMW)
        if alone and devices > 1:
            raise InputError(
                f"{' and '.join(alone)} in `memory` is for one device; {devices} are given, which split the model "
                "among them. Leave it out, or give one device."
            )


PLAIN = Memory()


@dataclass(frozen=True)
class Elsewhere:
    """Where things wait until they are needed. By default in system memory, pinned where a GPU fetches them."""

    device: torch.device
    home: torch.device = CPU

    def put(self, tensor: Tensor) -> Tensor:
        away = tensor.detach().to(self.home, copy=True)
        return away.pin_memory() if self.device.type == "cuda" else away

    def fetch(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True, copy=True)

    def saving(self) -> AbstractContextManager[Any]:
        """Within it, what autograd saves waits there."""
        if self.home == CPU:
            return save_on_cpu(pin_memory=self.device.type == "cuda")
        return torch.autograd.graph.saved_tensors_hooks(self.put, self.fetch)


def save_memory(
    backbone: WanModel, memory: Memory, elsewhere: Elsewhere
) -> Callable[[], AbstractContextManager[Any]]:
    """Prepare a backbone, on the CPU and not split yet; returns the context of the forward passes that are trained.

    Blocks that wait elsewhere are computed again in the backward pass, which fetches their weights once more. Where
    activations wait there, the parts of a block are computed again one by one, each from what it started from.
    """
    if memory.offload_blocks or memory.offload_activations:
        backbone.gradient_checkpointing = True
    if memory.offload_blocks:
        for layer in frozen_layers(backbone.blocks):
            wait(layer, elsewhere)
    backbone.recomputes_parts = memory.offload_activations
    return elsewhere.saving if memory.offload_activations else nullcontext


def frozen_layers(blocks: nn.Module) -> Iterator[nn.Module]:
    """The linear ones that are not trained: nearly all weights."""
    for layer in blocks.modules():
        if isinstance(layer, nn.Linear | Fp8Linear) and not any(w.requires_grad for w in layer.parameters()):
            yield layer


def wait(layer: nn.Module, elsewhere: Elsewhere) -> None:
    """Let a frozen layer's weights be on the device only while it computes. In between they are empty, so that nothing
    moves or copies them. Autograd keeps what it saved of them: compute the layer under checkpointing."""
    weights = list(layer.parameters(recurse=False))
    kept = [elsewhere.put(weight) for weight in weights]
    layer.register_forward_pre_hook(partial(_arrive, weights, kept, elsewhere))
    layer.register_forward_hook(
        partial(_leave, weights), always_call=True
    )  # even if recomputation stops within it
    _leave(weights)


def _arrive(weights: Sequence[nn.Parameter], kept: Sequence[Tensor], elsewhere: Elsewhere, *_: Any) -> None:
    for weight, waiting in zip(weights, kept, strict=True):
        weight.data = elsewhere.fetch(waiting)


def _leave(weights: Sequence[nn.Parameter], *_: Any) -> None:
    for weight in weights:
        weight.data = weight.data.new_empty(0)
