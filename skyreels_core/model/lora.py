"""LoRA files added into a backbone's weights while these are read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import InputError
from ..weights.header import Header
from ..weights.lora import Change, Lora, flat, foreign_problem, listed, read_changes, wrong_shape
from .config import WanConfig
from .sizes import expected_shapes

logger = logging.getLogger(__name__)

Adds = Callable[[Tensor], Tensor]  # a weight as its file has it -> float32
Changes = Mapping[str, Adds]  # by the weight's name
NO_CHANGES: Changes = {}
INPUT = "patch_embedding.weight"  # its columns are the channels that a backbone takes


@dataclass(frozen=True)
class Fitting:
    """A LoRA with what it has for a backbone."""

    lora: Lora
    header: Header
    changes: list[Change]
    left_out: list[str]  # names in the file, for a picture input that the backbone has not

    def report(self) -> None:
        name, strength = self.lora.path.name, self.lora.strength
        logger.info("%s changes %d weights, at strength %g.", name, len(self.changes), strength)
        if self.left_out:
            logger.warning(
                "%d tensors of %s are for another picture input than this backbone's and are left out: %s.",
                len(self.left_out), self.lora.path, listed(self.left_out),
            )  # fmt: skip


def read_loras(loras: Sequence[Lora], config: WanConfig, backbone: Path) -> list[Fitting]:
    """What the headers of LoRA files say, for the backbone of this path.

    What T2V and I2V backbones have differently is left out, as LoRAs are used for both: the keys and values of the
    picture, and the input channels. Raises InputError for a file that does not fit otherwise.
    """
    own = expected_shapes(config, None) if loras else {}
    every = own | (expected_shapes(replace(config, model_type="i2v"), None) if loras else {})
    return [fitting(lora, own, every, backbone) for lora in loras]


def fitting(
    lora: Lora, own: Mapping[str, tuple[int, ...]], every: Mapping[str, tuple[int, ...]], backbone: Path
) -> Fitting:
    header, found, foreign = read_changes(lora.path, every)
    if foreign:
        raise foreign_problem(header, foreign, backbone)
    changes = [change for change in found if change.weight in own and not other_input(header, change, own)]
    for change in changes:
        if problem := wrong_shape(header, change, own[change.weight]):
            raise problem
    left_out = [name for change in found if change not in changes for name in change.tensors.values()]
    if not changes:
        raise foreign_problem(header, left_out, backbone)
    return Fitting(lora, header, changes, left_out)


def other_input(header: Header, change: Change, own: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether it changes the input layer of a backbone of this width that takes other channels."""
    if change.weight != INPUT:
        return False
    shapes = {role: header.shapes[name] for role, name in change.tensors.items()}
    rows = flat(shapes["up" if "up" in shapes else "diff"])[0]
    columns = flat(shapes["down" if "down" in shapes else "diff"])[1]
    return rows == own[INPUT][0] and columns != flat(own[INPUT])[1]


@contextmanager
def opened(fittings: Iterable[Fitting], device: torch.device | str) -> Iterator[Changes]:
    """The changes of LoRA files, read from them when a weight is asked for; a strength of 0 changes nothing."""
    changes: dict[str, list[Adds]] = {}
    with ExitStack() as stack:
        for each in fittings:
            each.report()
            file = stack.enter_context(safe_open(each.lora.path, framework="pt", device=str(device)))
            for change in each.changes if each.lora.strength else []:
                changes.setdefault(change.weight, []).append(partial(changed, each.lora, file, change))
        yield {name: partial(in_turn, adds) for name, adds in changes.items()}


def in_turn(adds: Sequence[Adds], weight: Tensor) -> Tensor:
    for add in adds:
        weight = add(weight)
    return weight


def changed(lora: Lora, file: Any, change: Change, weight: Tensor) -> Tensor:
    """weight + strength * (alpha / rank * up @ down + difference), in float32."""
    tensors = {role: file.get_tensor(name).float() for role, name in change.tensors.items()}
    for name, tensor in zip(change.tensors.values(), tensors.values(), strict=True):
        if not tensor.isfinite().all():
            raise InputError(
                f"In {lora.path}, {name} holds NaN or infinity: the file is damaged. Download it "
                "again, or give another."
            )
    weight = weight.to(torch.float32, copy=True, memory_format=torch.contiguous_format)  # the one copy
    if "diff" in tensors:
        weight.add_(tensors["diff"].reshape(weight.shape), alpha=lora.strength)
    if "up" in tensors:
        up, down = tensors["up"].flatten(1), tensors["down"].flatten(1)
        factor = tensors["alpha"].item() / len(down) if "alpha" in tensors else 1.0
        weight.view(len(weight), -1).addmm_(up, down, alpha=lora.strength * factor)
    return weight
